"""From a type's name to its module, through entry points; loads only what a manifest names.

A plugin module offers `OPTIONS` (a JSON Schema object for its own options) and `build`; a provider or ledger also
`build_reader`, whose answer can change nothing. The groups are
`keyplan.providers`, `keyplan.sinks` and `keyplan.ledgers`; the built-in ones register through them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from keyplan.errors import InputError
from keyplan.model.manifest import ProviderSettings, SecretSource
from keyplan.system.optional import importing, require

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

    from keyplan.model.laws import KeyForm

__all__ = [
    "ORDINARY",
    "find_credential",
    "find_key_forms",
    "is_ours",
    "list_types",
    "load",
    "options_schema",
    "require",
]

ORDINARY: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("keyplan.providers", "arize"): "keyplan.providers.arize",
        ("keyplan.sinks", "file"): "keyplan.sinks.file",
        ("keyplan.ledgers", "sqlite"): "keyplan.ledgers.sqlite",
    }
)
"""What nearly every manifest names, and its module. They are registered like all others, and a test holds that this
says the same; but to look into what is installed takes 25 ms, a tenth of a plan of two keys."""


def list_types(group: str) -> tuple[str, ...]:
    """Return the names registered in an entry-point group, sorted; none of them is loaded."""
    return tuple(sorted(_registered(group).names))


def load(group: str, name: str) -> ModuleType:
    """Return the module registered under a name.

    Raises InputError if the name is unknown, or its module needs a package that is not installed.
    """
    path = ORDINARY.get((group, name), "")
    entry = None if path else _find(group, name)
    if entry and not entry.value.startswith("keyplan."):
        return _load_of_others(name, entry)
    with importing(name):
        module: ModuleType = entry.load() if entry else import_module(path)
    return module


def _load_of_others(name: str, entry: EntryPoint) -> ModuleType:
    # Extras are keyplan's own; what a package of others needs, its author knows.
    try:
        module: ModuleType = entry.load()
    except ImportError as error:
        raise InputError(
            f"'{name}' needs a package that is not installed: {error.name or error}",
            advice=f"install what the package of {entry.value} needs",
        ) from error
    return module


def is_ours(group: str, name: str) -> bool:
    """Whether a type is one of keyplan's own, not that of another package."""
    entry = None if (group, name) in ORDINARY else _find(group, name)
    return (group, name) in ORDINARY or (entry is not None and entry.value.startswith("keyplan."))


def options_schema(group: str, name: str) -> Mapping[str, Any]:
    """Return the JSON Schema of a type's own options. Raises InputError like `load`."""
    schema: Mapping[str, Any] = load(group, name).OPTIONS
    return schema


def find_key_forms(name: str) -> tuple[KeyForm, ...] | None:
    """Return which keys can be declared for a provider type; None for the fields of Arize, and for an unknown type."""
    forms: tuple[KeyForm, ...] | None = _find_of_provider(name, "KEY_FORMS", None)
    return forms


def find_credential(name: str) -> SecretSource:
    """Return where the credential of a provider type is found if the manifest does not say it."""
    source: SecretSource = _find_of_provider(name, "CREDENTIAL", ProviderSettings().credential)
    return source


def _find_of_provider(name: str, attribute: str, missing: Any) -> Any:
    try:
        return getattr(load("keyplan.providers", name), attribute, missing)
    except InputError:
        # `options_schema` says what is wrong, with the place.
        return missing


def _find(group: str, name: str) -> EntryPoint:
    """Return what is registered under a name. Raises InputError if nothing is."""
    found = _registered(group).select(name=name)
    if not found:
        known = list_types(group)
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(known)}"
        raise InputError(f"{group.removeprefix('keyplan.').rstrip('s')} type '{name}' is unknown; {hint}")
    return next(iter(found))


def _registered(group: str) -> EntryPoints:
    from importlib.metadata import entry_points  # noqa: PLC0415 - takes 15 ms, see ORDINARY

    return entry_points(group=group)
