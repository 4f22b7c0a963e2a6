"""``NamedTuple``, made without code that is compiled at run time: a pip run loads some fifty of them.

``typing.NamedTuple`` writes the constructor of each class as a text and compiles it. Type checkers see that one, and
these behave as it does, but for what nobody here asks of them: types of fields at run time, classes made by a call.
"""

from __future__ import annotations

from collections import _tuplegetter as _reader  # type: ignore[attr-defined]  # what reads a field there: no property is as fast
from typing import TYPE_CHECKING, Any, Callable


class _Meta(type):
    def __new__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> Any:
        if bases == (tuple,):  # NamedTuple itself
            return super().__new__(cls, name, bases, space)
        # Every module here imports `annotations` from `__future__`: they are texts, in every Python.
        fields = tuple(space.get("__annotations__", ()))
        defaults = {field: space[field] for field in fields if field in space}
        if bases != (NamedTuple,) or not fields or fields[len(fields) - len(defaults) :] != tuple(defaults):
            raise TypeError(f"{name}: no fields, other bases, or a field without default behind one that has it")
        space.update({field: _reader(place, f"Field {place}.") for place, field in enumerate(fields)})
        space.update(__slots__=(), _fields=fields, _field_defaults=defaults, __match_args__=fields)
        space["__new__"] = _constructor(name, fields, defaults)
        return super().__new__(cls, name, bases, space)


def _constructor(name: str, fields: tuple[str, ...], defaults: dict[str, Any]) -> Callable[..., Any]:
    count, make = len(fields), tuple.__new__

    def __new__(cls: Any, /, *values: Any, **named: Any) -> Any:  # noqa: N807  # it becomes one
        if named or len(values) != count:
            values = _complete(name, fields, defaults, values, named)
        return make(cls, values)

    return __new__


def _complete(
    name: str, fields: tuple[str, ...], defaults: dict[str, Any], values: tuple[Any, ...], named: dict[str, Any]
) -> tuple[Any, ...]:
    """Return the values of all fields.

    :raises TypeError: one is missing, or too many are given.
    """
    rest = fields[len(values) :]
    if not named and len(defaults) >= len(rest) > 0:
        return values + tuple(defaults.values())[-len(rest) :]
    try:
        whole = (*values, *[named.pop(field) if field in named else defaults[field] for field in rest])
    except KeyError as missing:
        raise TypeError(f"{name} needs `{missing.args[0]}`") from None
    if named or len(whole) != len(fields):
        raise TypeError(
            f"{name} has the fields {', '.join(fields)}; given besides: {', '.join(named) or 'more values'}"
        )
    return whole


if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple  # noqa: PLC0414  # the name that is exported
else:

    class NamedTuple(tuple, metaclass=_Meta):
        """What ``typing.NamedTuple`` is: derive from it alone, and give each field a type, and a default or none."""

        __slots__ = ()

        @classmethod
        def _make(cls, values: Any) -> Any:
            whole = tuple.__new__(cls, values)
            if len(whole) != len(cls._fields):
                raise TypeError(f"{cls.__name__} has {len(cls._fields)} fields, not {len(whole)}")
            return whole

        def _replace(self, /, **changes: Any) -> Any:
            whole = self._make(map(changes.pop, self._fields, self))
            if changes:
                raise TypeError(f"{type(self).__name__} has no {', '.join(changes)}")
            return whole

        __replace__ = _replace  # of `copy.replace` (Python 3.13)

        def _asdict(self) -> dict[str, Any]:
            return dict(zip(self._fields, self))

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

        def __repr__(self) -> str:
            return f"{type(self).__name__}({', '.join(map('{}={!r}'.format, self._fields, self))})"
