"""The command line in this process, and an index on loopback for it."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from integration.harness.children import write_policy
from integration.harness.loopback import JSON_TYPE, Handler, LoopbackIndex
from integration.harness.loopback import Answer as Reply

import indexguard.cli
from indexguard.cli import main
from indexguard.patterns import normalise_name
from indexguard.policy.reader import read_policy

if TYPE_CHECKING:
    import pytest

    from indexguard.policy.model import Policy


@dataclass
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output, read as JSON."""
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs the command in this process, as the user of an empty home with no policy."""

    home: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *argv: str) -> Answer:
        """Run one command."""
        self.capsys.readouterr()
        code = main(argv)
        out, err = self.capsys.readouterr()
        return Answer(code, out, err)

    def policy(self, text: str, kind: str = "environment") -> Path:
        """Put a policy into the place of a layer."""
        path = write_policy(self.home / kind / "policy.toml", text)
        if kind == "environment":
            self.monkeypatch.setenv("INDEXGUARD_POLICY", str(path))
        return path

    def configure(self, *urls: str, **settings: str) -> None:
        """Configure pip by its variables."""
        if urls:
            self.monkeypatch.setenv("PIP_INDEX_URL", urls[0])
            self.monkeypatch.setenv("PIP_EXTRA_INDEX_URL", " ".join(urls[1:]))
        for name, value in settings.items():
            self.monkeypatch.setenv(name, value)


class ListingIndex(LoopbackIndex):
    """A package index on this machine that knows its root page only, and the pages that it is given."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.password: str | None = None
        self.status = 200
        self.as_json = False
        self.body: bytes | None = None
        self.pages: dict[str, str] = {}
        """By path: HTML, JSON, ``text: …``, or a status with the place that it sends to."""

    def reply(self, request: Handler) -> Reply:
        """Answer with the root page, to whoever may see it."""
        expected = None if self.password is None else base64.b64encode(self.password.encode()).decode()
        if expected is not None and request.headers.get("Authorization") != f"Basic {expected}":
            return 401, {"Content-Type": "text/plain", "WWW-Authenticate": 'Basic realm="test"'}, self.body or b""
        if request.path in self.pages:
            return self._page(self.pages[request.path])
        if request.path != "/simple/":
            return 404, {"Content-Type": "text/plain"}, self.body or b""
        if self.as_json:
            body = json.dumps({"projects": [{"name": name} for name in self.names]})
        else:
            anchors = (f'<a href="/simple/{name.lower()}/">{name}</a><br/>' for name in self.names)
            body = f"<!DOCTYPE html><html><body>{''.join(anchors)}</body></html>"
        kind = JSON_TYPE if self.as_json else "text/html"
        return self.status, {"Content-Type": kind}, body if self.body is None else self.body

    def _page(self, text: str) -> Reply:
        text = text.replace("{port}", str(self.port))
        told = re.fullmatch(r"(\d{3}) ?(\S*)", text)
        if told is not None:
            return int(told[1]), {"Content-Type": "text/html", "Location": told[2]}, b""
        if text.startswith("cut: "):
            return 200, {"Content-Type": "text/html", "Content-Length": "9999"}, text
        kind = JSON_TYPE if text.startswith("{") else "text/plain" if text.startswith("text: ") else "text/html"
        return 200, {"Content-Type": kind}, text


def policy_of(answer: Answer) -> Policy:
    """Return the policy that `init --output -` printed."""
    assert answer.code == 0, answer.err
    return read_policy(answer.out.encode(), "output")


def owners_of(policy: Policy, name: str) -> list[str]:
    """Return the URLs of the indexes that a name belongs to."""
    rule = policy.rules.find(normalise_name(name))
    return [] if rule is None else [str(url) for index in rule.indexes for url in policy.index(index).urls]


def init_on_terminal(typed: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run `init` on a terminal on which somebody types."""
    keyboard, terminal = pty.openpty()
    os.write(keyboard, typed.encode())
    source = str(Path(indexguard.cli.__file__).parents[2])
    try:
        return subprocess.run(
            [sys.executable, "-m", "indexguard", "init", "--output", str(path)],
            env={**os.environ, "PYTHONPATH": source},
            stdin=terminal,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        os.close(keyboard)
        os.close(terminal)
