"""`keyplan plan` whose `@quick` classes are made another way: `python plan_with.py plain|quick|msgspec plan`."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

from keyplan.model import quick

_replace = dataclasses.replace


def make_struct(frozen: type) -> type:
    """Return a `msgspec.Struct` with the fields, methods and comparisons of a frozen dataclass."""
    import msgspec  # noqa: PLC0415 - the other variants are measured without it

    fields = dataclasses.fields(frozen)
    # A struct compares and hashes all its fields in C; it can't leave one out, so such a class keeps its own methods.
    is_whole = all(field.compare for field in fields)
    kept = {
        "__module__",
        "__doc__",
        "__str__",
        "__dataclass_fields__",
        *(() if is_whole else ("__eq__", "__hash__", "__lt__")),
    }
    made_for_slots = {"__slots__", *(field.name for field in fields)}
    namespace = {
        name: value
        for name, value in vars(frozen).items()
        if name in kept or (not name.startswith("__") and name not in made_for_slots)
    }
    listed = [(field.name, Any, *_default(field, msgspec.field)) for field in fields]
    made: type = msgspec.defstruct(
        frozen.__name__,
        listed,
        namespace=namespace,
        frozen=True,
        kw_only=any(field.kw_only for field in fields),
        order=is_whole and "__lt__" in vars(frozen),
    )
    return made


def _default(field: dataclasses.Field[Any], declare: Callable[..., Any]) -> tuple[Any, ...]:
    if field.default is not dataclasses.MISSING:
        return (field.default,)
    return () if field.default_factory is dataclasses.MISSING else (declare(default_factory=field.default_factory),)


def replace_either(record: Any, /, **changes: Any) -> Any:
    """Return a copy with changes of a struct or a dataclass."""
    import msgspec  # noqa: PLC0415 - the other variants are measured without it

    is_struct = isinstance(record, msgspec.Struct)
    return msgspec.structs.replace(record, **changes) if is_struct else _replace(record, **changes)


def main() -> None:
    """Replace the decorator before anything that uses it is imported, then run the command line."""
    variant = sys.argv.pop(1)
    if variant == "plain":
        quick.quick = lambda frozen: frozen
    elif variant == "msgspec":
        real = quick.quick

        def decorate(frozen: Any) -> Any:
            # Those that others inherit stay: a dataclass can't have a struct as its base.
            return real(frozen) if frozen.__name__.endswith(("Basis", "Action")) else make_struct(frozen)

        quick.quick = decorate
        dataclasses.replace = replace_either
    sys.argv[0] = "keyplan"
    from keyplan.__main__ import main as run  # noqa: PLC0415 - it imports what was just replaced

    run()


main()
