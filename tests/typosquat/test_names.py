"""The prepared list of popular names, and which of them may be meant."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexguard.typosquat.locks import is_locked
from indexguard.typosquat.names import MIN_LETTERS, MIN_TWICE, MIN_TWICE_USUAL, Names, has_a_third, mask
from indexguard.typosquat.preparation import parse_list, prepare, read_list
from indexguard.typosquat.watch import LIST, Watch, popular_names

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-"
POPULAR = read_list(LIST)
LONG = [name for name in POPULAR if len(name) >= MIN_LETTERS]


def mistype(draw: st.DataObject, name: str, first: int) -> str:
    """Draw a name that is one error away, the letters before ``first`` left alone."""
    place = draw.draw(st.integers(first, len(name) - 2))
    letter = draw.draw(st.sampled_from(LETTERS))
    before, at, after = name[:place], name[place], name[place + 1 :]
    return draw.draw(
        st.sampled_from(
            [before + after, before + letter + after, before + letter + at + after, before + after[0] + at + after[1:]]
        )
    )


@given(st.sampled_from(LONG), st.data())
def test_every_name_that_is_one_error_away_is_found(name: str, data: st.DataObject) -> None:
    assert name in dict(popular_names().find_near(mistype(data, name, 0)))


@given(st.sampled_from([name for name in LONG if len(name) >= MIN_TWICE]), st.data())
def test_every_name_that_is_two_errors_away_is_found(name: str, data: st.DataObject) -> None:
    typed = mistype(data, mistype(data, name, 1), 1)
    renowned = dict(popular_names().find_near(name))[name]
    is_looked_for = renowned or len(name) >= MIN_TWICE_USUAL
    if is_looked_for and abs(len(typed) - len(name)) <= 2 and typed[0] == name[0] and has_a_third(typed, name):
        assert name in dict(popular_names().find_near(typed))


def test_names_of_the_list_are_in_it_and_no_others() -> None:
    names = popular_names()
    assert all(name in names for name in POPULAR)
    assert not any(f"{name}-x1q" in names for name in POPULAR)


def test_none_of_the_popular_names_is_taken_for_another() -> None:
    watch = Watch(["acme-core", "billing-models", "requestz"], ["acme-", "globex-"])
    assert [name for name in POPULAR if watch.find_meant(name)] == []


def test_the_list_is_the_one_whose_source_it_names() -> None:
    first = Path(LIST).read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert "hugovk/top-pypi-packages" in first
    assert len(POPULAR) == len(set(POPULAR)) == 5000


def test_what_is_prepared_does_not_depend_on_the_order_of_anything_but_popularity() -> None:
    some = POPULAR[:200]
    mixed = sorted(some[:100])
    assert prepare(some) == prepare([*mixed, *some[100:]]), "among the most popular, the order says nothing"


@pytest.mark.parametrize(
    "content", [b"", b"something else", prepare(["requests"])[:-1] + b"x", prepare(["requests"])[:30]]
)
def test_what_is_no_prepared_list_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"name|byte|unpack"):
        Names(content)


def test_a_list_is_normalised_and_each_name_counts_once() -> None:
    assert parse_list("# a source\nFoo_Bar\n\n foo.bar \nbaz\n") == ["foo-bar", "baz"]
    with pytest.raises(ValueError, match="line 2 is no project name"):
        parse_list("foo\nfoo bar\n")


def test_one_error_changes_two_bits_at_most() -> None:
    for letter in LETTERS:
        assert bin(mask("reqzests") ^ mask(f"req{letter}ests")).count("1") <= 2


def test_of_very_many_claimed_names_one_error_is_found() -> None:
    names = [f"internal-{number:05}-name" for number in range(5000)]
    watch = Watch(names, ())
    found = watch.find_meant("internal-0O123-name")
    assert found is None or found.target in names
    one = watch.find_meant("internal-00123-nam")
    assert one is not None
    assert one.target == "internal-00123-name"
    assert watch.find_meant("internal-00123-name") is None, "it is claimed itself"


def test_a_policys_own_list_stands_in_the_place_of_the_other() -> None:
    class Own:
        protect = frozenset({"billing-models"})
        names = ("frobnicate",)

    watch = Watch((), (), Own())
    found = [watch.find_meant(name) for name in ("frobnicat", "biling-models")]
    assert [it and it.target for it in found] == ["frobnicate", "billing-models"]
    assert watch.find_meant("reqeusts") is None


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pylock.toml", "[[packages]]\nname = 'Acme.Core'\n"),
        ("pylock.dev.toml", '[[packages]]\nname = "acme_core"\n'),
        ("uv.lock", '[[package]]\nname = "acme-core"\n'),
        ("poetry.lock", '[[package]]\nname = "acme-core"\n'),
    ],
)
def test_a_lock_in_the_folder_names_its_projects(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert is_locked("acme-core", str(tmp_path))
    assert not is_locked("acme", str(tmp_path))
    assert not is_locked("acme-core", str(tmp_path / "nowhere"))


def test_a_name_of_many_letters_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(["acme-core"], [])
    assert watch.find_meant("acme-cor") is not None

    def refuse(_self: object, _name: str) -> None:
        raise AssertionError("it was looked at")

    monkeypatch.setattr(Names, "find_near", refuse)
    assert watch.find_meant("a" * 201) is None


def test_blank_lines_of_a_lock_and_named_pipes_take_no_time(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text("\n" * 1_000_000 + ' \tname = "acme-core"\n')
    os.mkfifo(tmp_path / "pdm.lock")
    (tmp_path / "poetry.lock").mkdir()
    began = time.process_time()
    assert is_locked("acme-core", str(tmp_path))
    assert not is_locked("acme", str(tmp_path))
    assert time.process_time() - began < 20  # it was hours
