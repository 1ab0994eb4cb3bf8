"""A quicker `__init__` for the frozen dataclasses of which a plan makes tens of thousands.

An instance can't be changed once it is made, as with any frozen dataclass. docs/decisions/0013 has the measurements.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from functools import update_wrapper
from typing import Any, TypeVar

_ClassT = TypeVar("_ClassT", bound=type)
# Both, for CPython keeps them in one slot: with one of them inherited, each assignment would be looked up by name.
_ASSIGNABLE = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}


def quick(frozen: _ClassT) -> _ClassT:
    """Return a frozen dataclass with an `__init__` that takes a third of the time.

    The one that dataclasses writes calls `object.__setattr__` for each field, because the class's own refuses. While
    this one runs, the new instance is of an open class with the same slots, so that plain assignments set its fields.

    Raises TypeError for a class that this does not fit: not slotted, nor all its bases, or with a `__post_init__`.
    """
    slots = frozen.__dict__.get("__slots__")
    if slots is None or frozen.__dictoffset__ or hasattr(frozen, "__post_init__"):
        raise TypeError(f"{frozen.__name__} must be a slotted dataclass, like its bases, without __post_init__")
    made = fields(frozen)
    names: dict[str, Any] = {
        "be": object.__dict__["__class__"].__set__,
        # Of the same base, so that both have one layout; a frozen base refuses assignments, so that is undone.
        "Open": type(f"Open{frozen.__name__}", frozen.__bases__, {"__slots__": slots, **_ASSIGNABLE}),
        "Frozen": frozen,
        "ABSENT": MISSING,
        **{f"default_{field.name}": field.default for field in made},
        **{f"make_{field.name}": field.default_factory for field in made},
    }
    lines = ["be(self, Open)", *map(_assign, made), "self.__class__ = Frozen"]
    text = f"def __init__(self, {', '.join(_list_parameters(made))}):\n" + "".join(f"    {line}\n" for line in lines)
    exec(text, names)  # noqa: S102 - made of the names of fields alone, as dataclasses itself does it
    frozen.__init__ = update_wrapper(names["__init__"], frozen.__init__)  # type: ignore[misc]  # of the class itself
    return frozen


def _list_parameters(made: tuple[Field[Any], ...]) -> Iterator[str]:
    """Yield the parameters in the order of dataclasses: those that may stand by position first."""
    by_name = [field for field in made if field.kw_only]
    yield from (_declare(field) for field in made if not field.kw_only)
    if by_name:
        yield "*"
        yield from map(_declare, by_name)


def _declare(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return f"{field.name}=default_{field.name}"
    return field.name if field.default_factory is MISSING else f"{field.name}=ABSENT"


def _assign(field: Field[Any]) -> str:
    if field.default_factory is MISSING:
        return f"self.{field.name} = {field.name}"
    return f"self.{field.name} = make_{field.name}() if {field.name} is ABSENT else {field.name}"
