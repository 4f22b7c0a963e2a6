"""The command hands over to the demo; the demo itself is tested in its own folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing import TextIO

    from support.shell import Shell


@pytest.mark.parametrize("code", [0, 1, 2])
@pytest.mark.parametrize("keep", [True, False])
def test_exit_code_and_option_are_handed_on(shell: Shell, code: int, keep: bool) -> None:
    def run(stream: TextIO, *, keep: bool) -> int:
        stream.write(f"keep={keep}\n")
        return code

    shell.monkeypatch.setattr("indexguard.demo.run", run)
    answer = shell("demo", *(["--keep"] if keep else []))
    assert (answer.code, answer.out) == (code, f"keep={keep}\n")
