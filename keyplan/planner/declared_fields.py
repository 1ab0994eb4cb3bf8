"""The fields of a declaration as a user reads them: each with its value, and where the manifest says so.

A field that a later version adds to the noun is shown, too, under the noun's own name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from keyplan.model.explanation import NO_VALUE, DeclaredField, ValueSource
from keyplan.model.identity import Origin
from keyplan.model.manifest import (
    Declaration,
    Delivery,
    KeyType,
    Manifest,
    OrganizationGrant,
    Roles,
    Rotation,
    ScopeById,
)
from keyplan.model.times import show_time, write_duration
from keyplan.planner.strategy import find_overlap

_NAMES: Mapping[str, str] = {"scope": "space", "deliveries": "sink", "may_rotate_itself": "self", "import_id": "import"}
"""What the manifest calls fields that the noun calls otherwise."""
_OF_SERVICE_KEYS = frozenset({"scope", "roles", "organizations"})
_OF_ARIZE = frozenset({"roles", "organizations"})
_ELSEWHERE = frozenset({"address", "taken_from"})
"""Fields that are not written, or that stand with another one."""


def list_fields(manifest: Manifest, declared: Declaration) -> tuple[DeclaredField, ...]:
    """Return the fields of a declaration with their values and places, built-in defaults included."""
    return tuple(_describe(manifest, declared, path, value) for path, value in _iter_values(declared))


def _iter_values(declared: Declaration) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path of each field in the manifest, and its value."""
    for field in fields(declared):
        # Places do not count in a comparison: a manifest does not declare them.
        if not field.compare or field.name in _ELSEWHERE or not _is_for(declared, field.name):
            continue
        value = getattr(declared, field.name)
        if isinstance(value, Roles | Rotation):
            yield from (((field.name, one.name), getattr(_fill_in(value), one.name)) for one in fields(value))
        elif field.name == "moved_from":
            yield (field.name,), (*declared.moved_from, *declared.taken_from)
        else:
            yield (_name(field.name, value, declared),), value


def _is_for(declared: Declaration, name: str) -> bool:
    """Whether a field has a meaning for the declaration as it is."""
    if name == "scope_field" or (declared.scope_field and name in _OF_ARIZE):
        return False
    if declared.key_type is not KeyType.SERVICE:
        return name not in _OF_SERVICE_KEYS
    return name not in ("scope", "organizations") or bool(getattr(declared, name))


def _name(name: str, value: Any, declared: Declaration) -> str:
    if name == "scope" and declared.scope_field:
        return declared.scope_field
    return "space_id" if name == "scope" and isinstance(value, ScopeById) else _NAMES.get(name, name)


def _fill_in(value: Roles | Rotation) -> Roles | Rotation:
    """Return a rotation with the overlap that counts if none is declared."""
    return replace(value, overlap=find_overlap(value)) if isinstance(value, Rotation) else value


def _describe(manifest: Manifest, declared: Declaration, path: tuple[str, ...], value: Any) -> DeclaredField:
    place = declared.place_of(*path)
    # A value never stands where its declaration begins, so that place says that the field is not given.
    if place == declared.place:
        source, shown = ValueSource.BUILT_IN, None
    else:
        source = ValueSource.DEFAULTS if place == manifest.place_of("defaults", *path) else ValueSource.DECLARATION
        shown = place
    return DeclaredField(name=".".join(path), value=write_value(value), source=source, place=shown)


def write_value(value: Any) -> str:
    """Return a value of a declaration as text for people."""
    if value is None or value in ("", ()):
        return NO_VALUE
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    return str(value)


def _write_delivery(value: Delivery) -> str:
    options = ", ".join(f"{name}: {option}" for name, option in value.options.items())
    return f"{value.sink} ({options})" if options else value.sink


def _write_grant(value: OrganizationGrant) -> str:
    spaces = ", ".join(f"{grant.space_id} as {grant.role}" for grant in value.spaces)
    return f"{value.org_id or 'organization'} as {value.role}: {spaces}"


_WRITERS: tuple[tuple[type[Any], Callable[[Any], str]], ...] = (
    (bool, lambda value: str(value).lower()),
    (Enum, lambda value: str(value.value)),
    (timedelta, write_duration),
    (datetime, show_time),
    (tuple, lambda value: ", ".join(map(write_value, value))),
    (Delivery, _write_delivery),
    (OrganizationGrant, _write_grant),
    (Origin, lambda value: f"{value.address} of {value.identity}"),
)
"""How values of each type are written; the first type that fits counts."""
