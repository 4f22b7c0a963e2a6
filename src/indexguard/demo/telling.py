"""What the demo prints: plain lines that an ASCII terminal shows."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

from ..audit.kinds import SHADOWED
from .environment import UnavailableError
from .play import INTERNAL, NAME, PUBLIC, Act, Attempt, Outcome, play

if TYPE_CHECKING:
    from typing import TextIO

_WIDTH = 100


def run(stream: TextIO, *, keep: bool = False) -> int:
    """Play the demo and tell it on ``stream``.

    :param keep: leave the temporary folder behind.
    :return: 0 if the attack worked without the guard and the guard held; 1 if not; 2 if it cannot be played here.
    """

    def tell(outcome: Outcome) -> None:
        kept = ["", f"The folder is left behind: {outcome.folder}"] if keep else []
        stream.writelines(f"{_plain(line)}\n" for line in (*_tell(outcome), *kept))
        stream.flush()

    try:
        outcome = play(tell, keep=keep)
    except UnavailableError as error:
        stream.write(_plain(f"indexguard demo: {error}") + "\n")
        return 2
    return outcome.exit_code


def _plain(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _tell(outcome: Outcome) -> list[str]:
    lines = [f"One attack on two package indexes of this machine, with pip {outcome.pip}.", ""]
    lines += [
        f"  internal index  {outcome.indexes[INTERNAL]}  has {NAME} 1.0",
        f"  public index    {outcome.indexes[PUBLIC]}  has {NAME} 99.0, which an attacker put there",
        "",
        f"  pip install --index-url {outcome.indexes[INTERNAL]} --extra-index-url {outcome.indexes[PUBLIC]} {NAME}",
        "",
        "The policy:",
        *_indented(outcome.policy),
    ]
    for number, act in enumerate(outcome.acts, 1):
        lines += ["", f"Act {number}: {act.title}", *_tell_act(act)]
    return [*lines, *_tell_log(outcome), "", *_conclude(outcome)]


def _tell_act(act: Act) -> list[str]:
    if act.unguarded is None:
        lines = ["  without the guard: cannot be shown, because this interpreter itself is guarded"]
    else:
        lines = [f"  without the guard: {_result(act.unguarded)}"]
        if not act.unguarded.is_attacked:
            lines += _indented(act.unguarded.ended.stderr)
    return [*lines, f"  with the guard:    {_result(act.guarded)}", *_indented(act.guarded.ended.stderr)]


def _result(attempt: Attempt) -> str:
    if attempt.origin is None:
        return f"nothing is installed; pip's exit code is {attempt.ended.exit_code}"
    attacked = ": the attack worked" if attempt.is_attacked else ""
    return f"{NAME} {attempt.version} from the {attempt.origin} index{attacked}"


def _indented(text: str) -> list[str]:
    return [f"    | {line}".rstrip() for line in text.strip().splitlines()]


def _tell_log(outcome: Outcome) -> list[str]:
    if outcome.log is None:
        return []
    if not outcome.log_is_writable:
        return ["", f"The audit log {outcome.log} cannot be written here."]
    events = [event for act in outcome.acts for event in act.guarded.events]
    shown = next((event for event in events if event.get("event") == SHADOWED), None)
    if shown is None and outcome.is_held:
        return ["", f"A policy of this machine does not know the demo's indexes; its refusals are in {outcome.log}."]
    if shown is None:
        return [
            "",
            f"The audit log {outcome.log} says nothing of a squatter; it has {len(events)} events of these runs.",
        ]
    # Without root the log lies in the HOME, and the demo brings its own.
    gone = " (which goes with the demo)" if outcome.folder in outcome.log.parents else ""
    heading = f"One of the {len(events)} lines in the audit log {outcome.log}{gone}:"
    return ["", heading, *_indented(_wrap(json.dumps(shown)))]


def _wrap(line: str) -> str:
    # Between fields, not between a key and its value.
    tied = line.replace('": ', '":\xa0')
    lines = textwrap.wrap(tied, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace("\xa0", " ")


def _conclude(outcome: Outcome) -> list[str]:
    if not outcome.attack_worked:
        return ["The attack did not work without the guard either: this shows nothing of the guard."]
    if any(act.guarded.is_attacked for act in outcome.acts):
        return ["THE GUARD DID NOT HOLD: the attacker's file was installed."]
    if not outcome.is_held:
        return ["THE GUARD IS BROKEN: the attacker's file was not installed, but not by a decision of the guard."]
    if any(act.unguarded is None for act in outcome.acts):
        return ["The guard held. (What pip does without it could not be shown here.)"]
    return ["pip alone installed the attacker's file; the guard held."]
