"""Our own ``NamedTuple`` is used as that of ``typing`` is, and nobody sees the difference."""

from __future__ import annotations

import copy
import pickle
import types
import typing

import pytest

from indexguard import tuples


class _Typings(typing.NamedTuple):
    """A class of typing."""

    one: int
    two: str = "b"
    three: tuple[int, ...] = ()

    @property
    def both(self) -> str:
        return f"{self.one}{self.two}"


class _Ours(tuples.NamedTuple):
    """One of ours."""

    one: int
    two: str = "b"
    three: tuple[int, ...] = ()

    @property
    def both(self) -> str:
        return f"{self.one}{self.two}"


@pytest.mark.parametrize("arguments", [(1,), (1, "x"), (1, "x", (2,))])
@pytest.mark.parametrize("named", [{}, {"two": "y"}, {"three": (3,)}, {"one": 4, "three": ()}, {"four": 5}])
def test_construction(arguments: tuple[object, ...], named: dict[str, object]) -> None:
    try:
        expected = _Typings(*arguments, **named)  # type: ignore[arg-type]
    except TypeError:
        with pytest.raises(TypeError, match="_Ours has the fields one, two, three"):
            _Ours(*arguments, **named)  # type: ignore[arg-type]
        return
    made = _Ours(*arguments, **named)  # type: ignore[arg-type]
    assert tuple(made) == tuple(expected)
    assert (hash(made), made.both) == (hash(expected), expected.both)
    assert (made.one, made.two, made.three) == tuple(expected)
    assert repr(made) == repr(expected).replace("_Typings", "_Ours")
    assert made._asdict() == expected._asdict()


def test_what_is_missing_is_named() -> None:
    with pytest.raises(TypeError, match="_Ours needs `one`"):
        _Ours(two="x")  # type: ignore[call-arg]


def test_changes() -> None:
    made = _Ours(1)
    assert made._replace(two="x") == _Ours(1, "x")
    assert type(made._replace(one=2)) is _Ours
    with pytest.raises(TypeError, match="has no four"):
        made._replace(four=1)  # type: ignore[call-arg]


def test_copies() -> None:
    made = _Ours(1, three=(1, 2))
    for other in (
        copy.copy(made),
        copy.deepcopy(made),
        pickle.loads(pickle.dumps(made)),  # noqa: S301  # written here
        _Ours._make([1, "b", (1, 2)]),
    ):
        assert (type(other), other) == (_Ours, made)
    with pytest.raises(TypeError, match="3 fields, not 2"):
        _Ours._make([1, "b"])


def test_class() -> None:
    assert (_Ours._fields, _Ours._field_defaults) == (_Typings._fields, _Typings._field_defaults)
    assert (_Ours.__doc__, _Ours.__match_args__) == ("One of ours.", ("one", "two", "three"))
    assert not hasattr(_Ours(1), "__dict__"), "it is no larger than a tuple"
    with pytest.raises(AttributeError):
        _Ours(1).one = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("space", "bases"),
    [
        ({}, (tuples.NamedTuple,)),
        ({"__annotations__": {"one": "int"}}, (_Ours,)),
        ({"__annotations__": {"one": "int"}}, (tuples.NamedTuple, dict)),
        ({"__annotations__": {"one": "int", "two": "int"}, "one": 1}, (tuples.NamedTuple,)),
    ],
)
def test_what_is_no_class_of_that_kind(space: dict[str, object], bases: tuple[type, ...]) -> None:
    with pytest.raises(TypeError, match="no fields, other bases"):
        types.new_class("Wrong", bases, exec_body=lambda own: own.update(space))
