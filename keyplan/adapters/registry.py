"""From a type's name to its module, through entry points; loads only what a manifest names.

A plugin module offers `OPTIONS` (a JSON Schema object for its own options) and `build`; a provider or ledger also
`build_reader`, whose answer can change nothing. The groups are
`keyplan.providers`, `keyplan.sinks` and `keyplan.ledgers`; the built-in ones register through them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from keyplan.errors import InputError


def list_types(group: str) -> tuple[str, ...]:
    """Return the names registered in an entry-point group, sorted; none of them is loaded."""
    return tuple(sorted(entry_points(group=group).names))


def load(group: str, name: str) -> ModuleType:
    """Return the module registered under a name.

    Raises InputError where the name is unknown, or its module needs a package that is not installed.
    """
    found = entry_points(group=group, name=name)
    if not found:
        known = list_types(group)
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(known)}"
        raise InputError(f"{group.removeprefix('keyplan.').rstrip('s')} type '{name}' is unknown; {hint}")
    try:
        module: ModuleType = next(iter(found)).load()
    except ImportError as error:
        raise InputError(
            f"'{name}' needs a package that is not installed: {error.name}",
            advice=f"pip install 'keyplan[{name}]'",
        ) from error
    return module


def options_schema(group: str, name: str) -> Mapping[str, Any]:
    """Return the JSON Schema of a type's own options. Raises InputError like `load`."""
    schema: Mapping[str, Any] = load(group, name).OPTIONS
    return schema
