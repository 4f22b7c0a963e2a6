"""The table ``[ledger]``."""

from __future__ import annotations

import pytest

from indexguard.errors import PolicyError
from indexguard.policy.reader import read_policy
from indexguard.policy.serving.ledger import LedgerSettings

INDEX = '[indexes.pypi]\nurl = "pypi"\npackages = ["*"]\n'


def read(text: str) -> LedgerSettings | None:
    return read_policy(f"version = 1\n{text}".encode(), "policy.toml").ledger


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("", None),
        (INDEX, None),
        (f'{INDEX}min-age = "3d"\n', None),
        ("[ledger]\n", LedgerSettings()),
        (f'{INDEX}min-age = {{ for = "3d", unknown = "first-seen" }}\n', LedgerSettings()),
        ('[defaults]\nmin-age = { for = "3d", unknown = "first-seen" }\n', LedgerSettings()),
        (
            '[indexes.pypi]\nurl = "pypi"\npackages = [{ name = "a", min-age = { for = "1h", unknown = "first-seen" } }]\n',
            LedgerSettings(),
        ),
        (
            '[ledger]\npath = "/srv/l.db"\ntrust = "user"\nmax-size = "64 MiB"\non-failure = "block"\n',
            LedgerSettings("/srv/l.db", trusts_user=True, max_size=64 * 2**20, blocks=True),
        ),
        ('[ledger]\non-failure = "warn"\n', LedgerSettings()),
    ],
)
def test_which_memory_a_policy_asks(text: str, settings: LedgerSettings | None) -> None:
    assert read(text) == settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ledger = 3\n", "ledger: found 3, expected a table"),
        ("[ledger]\npath = 3\n", "ledger.path: found 3, expected the path of a file"),
        ('[ledger]\npath = " "\n', "ledger.path: found "),
        ('[ledger]\ntrust = "root"\n', 'ledger.trust: found "root", expected "user"'),
        ('[ledger]\nmax-size = "6 KiB"\n', "ledger.max-size: found "),
        ('[ledger]\nmaxsize = "6 MiB"\n', "ledger.maxsize: unknown key (did you mean `max-size`?)"),
        ('[ledger]\non-failure = "stop"\n', 'ledger.on-failure: found "stop", expected "warn" or "block"'),
    ],
)
def test_a_fault_names_its_key(text: str, words: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(text)
    assert words in str(caught.value)
