"""Read the section `allow` of a policy file: what manifests may name outside themselves.

A pattern that could fit nothing is a problem: its author meant something else.
"""

from __future__ import annotations

from typing import Any

from keyplan.manifest.problems import Problems
from keyplan.manifest.tables import ItemList, Table, iter_items
from keyplan.model.globs import find_url_fault, has_magic
from keyplan.model.policy import Allow, AllowedSource, AllowedStore, AllowRule, OptionPattern, SourceKind
from keyplan.model.quotes import quote


def read_allow(given: Table, problems: Problems) -> Allow:
    """Return what a policy allows, from a section that fits the schema; problems are added."""
    _check_urls(given, problems)
    _check_folders(given, problems)
    return Allow(
        base_urls=_read_texts(given, "base_urls"),
        credentials=_read_sources(given, "credentials"),
        secrets=_read_sources(given, "secrets"),
        commands=given.get("commands"),
        sinks=_read_stores(given, "sinks"),
        ledgers=_read_stores(given, "ledgers"),
        owners=_read_texts(given, "owners"),
        folders=_read_texts(given, "folders"),
        environment=_read_texts(given, "environment"),
        lines={
            AllowRule(name): problems.place_of(spot).line for name, spot in zip(given, given.key_spots, strict=True)
        },
    )


def _check_urls(given: Table, problems: Problems) -> None:
    if "base_urls" not in given:
        return
    for pattern, spot in iter_items(given["base_urls"], given.value_spot("base_urls")):
        if fault := find_url_fault(pattern):
            problems.add(spot, f"{quote(pattern)} {fault}")


def _check_folders(given: Table, problems: Problems) -> None:
    if "folders" not in given:
        return
    for folder, spot in iter_items(given["folders"], given.value_spot("folders")):
        if has_magic(folder) or folder.startswith("~"):
            problems.add(spot, f"{quote(folder)} must be the path of a folder: globs and '~' mean nothing here")


def _read_texts(given: Table, name: str) -> tuple[str, ...] | None:
    return tuple(given[name]) if name in given else None


def _read_sources(given: Table, name: str) -> tuple[AllowedSource, ...] | None:
    return tuple(map(_read_source, given[name])) if name in given else None


def _read_source(item: Table) -> AllowedSource:
    ((kind, value),) = item.items()
    return AllowedSource(kind=SourceKind(kind), words=tuple(value) if isinstance(value, ItemList) else (value,))


def _read_stores(given: Table, name: str) -> tuple[AllowedStore, ...] | None:
    return tuple(map(_read_store, given[name])) if name in given else None


def _read_store(item: Table) -> AllowedStore:
    options = {name: _read_pattern(value) for name, value in item.items() if name != "type"}
    return AllowedStore(type=item["type"], options=options)


def _read_pattern(value: Any) -> OptionPattern:
    if isinstance(value, ItemList):
        return tuple(map(_read_pattern, value))
    if isinstance(value, Table):
        return {name: _read_pattern(inner) for name, inner in value.items()}
    found: OptionPattern = value
    return found
