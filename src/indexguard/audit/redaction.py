"""Secrets kept out of the log: credentials in URLs, proxies and options, tokens by their form.

What is doubtful is masked: a log line that says too little is a nuisance, one that holds a password is an incident.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import cut, escape

MAX_NAME = 200
"""Characters of a name or a version."""


MASK = "****"

MAX_ARGUMENTS = 200
MAX_ARGUMENT = 1000
MAX_COMMAND = 20_000
"""Characters of all arguments: an event must stay shorter than what the readers of a log take for a line."""

# Whoever names a file or a project decides how long a text is: each pattern here is linear in it, so what may repeat at
# every place of a long word is bounded, or begins where the word does.
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]{0,30}"
_URL = re.compile(rf"(?P<scheme>{_SCHEME}:/{{2,}})(?P<rest>.*?)(?={_SCHEME}://|\Z)", re.DOTALL)
_PORT = re.compile(r"\d*")
_TELLING = re.compile(
    r"token|secret|passw|pwd|api[-_]?key|access[-_]?key|private[-_]?key|credential|authorization|cookie", re.IGNORECASE
)
# A setting, not a requirement: the sign is a single one (`token=x`), never that of a version range (`token==1.0`).
_SETTING = re.compile(r"(?<![\w.-])(?P<key>[\w.-]+\s*(?:(?<![<>!~=])=(?!=)|:))\s*(?=\S)")
_OPTION = re.compile(r"--?[\w-]+")
_TOKEN = re.compile(
    r"(?i:\b(?:bearer|basic)\s+)[A-Za-z0-9+/=._~-]{8,}"
    r"|\bpypi-AgE[\w-]{16,}|\bgh[pousr]_\w{16,}|\bgithub_pat_\w{16,}|\bgl[a-z]{2,5}-[\w-]{20,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\beyJ[\w-]{8,2000}\.[\w-]+\.[\w-]*"
)


def redact_text(text: str) -> str:
    """Return ``text`` without the credentials and queries of the URLs in it, and without well-known tokens."""
    return _TOKEN.sub(MASK, _URL.sub(_redact_url, text))


def redact_command(argv: Sequence[str]) -> list[str]:
    """Return a command line fit for the log, bounded: each argument, their number, and all of them together.

    Masked: whatever stands before the host of a URL or of a ``--proxy``, queries and fragments of URLs, values of
    settings and options whose names speak of a secret, tokens known by their form.
    """
    shown: list[str] = []
    previous, room = "", MAX_COMMAND
    for argument in argv[:MAX_ARGUMENTS]:
        is_secret = _OPTION.fullmatch(previous) and _TELLING.search(previous)
        text = MASK if is_secret else _redact_argument(argument, previous)
        text = cut(text, MAX_ARGUMENT, counted=True)
        room -= len(text)
        if room < 0:
            break
        shown.append(text)
        previous = argument
    if len(argv) > len(shown):
        shown.append(f"... ({len(argv) - len(shown)} more arguments)")
    return shown


def _redact_argument(argument: str, previous: str) -> str:
    option, sign, value = argument.partition("=") if argument.startswith("-") else ("", "", argument)
    if not sign:
        option, value = "", argument
    named = option or previous
    if "://" not in value and "@" in value and (":" in value.rpartition("@")[0] or named.startswith("--prox")):
        # pip takes `--proxy user:password@host:port` without a scheme.
        value = f"{MASK}@{value.rpartition('@')[2]}"
    return _redact_setting(redact_text(option + sign + value))


def _redact_setting(text: str) -> str:
    """Mask all that follows the first setting whose name speaks of a secret."""
    for setting in _SETTING.finditer(text):
        if _TELLING.search(setting["key"]):
            return text[: setting.end("key")] + MASK
    return text


def _redact_url(found: re.Match[str]) -> str:
    rest = found["rest"]
    end = min((rest.find(char) for char in "/?#" if char in rest), default=len(rest))
    authority, path = rest[:end], rest[end:]
    if "@" in authority:
        authority = f"{MASK}@{authority.rpartition('@')[2]}"
    elif not _PORT.fullmatch(re.sub(r"\[[^][]*\]", "", authority).partition(":")[2].split(" ")[0]):
        # No port, so probably a password with a `/`, `?` or `#` in it that was not percent-encoded.
        authority, path = MASK, f"@{rest.rpartition('@')[2]}" if "@" in path else ""
    path = re.sub(r"([?#])\S+", rf"\1{MASK}", path)
    return f"{found['scheme']}{authority}{path}"


def bounded(text: str | None, limit: int) -> str | None:
    """Return text escaped and cut to ``limit`` characters; where it was cut, that is said. None stays None."""
    return None if text is None else escape(cut(text, limit, counted=True))
