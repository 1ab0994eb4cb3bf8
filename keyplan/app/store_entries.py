"""Whether a sink or ledger of a manifest fits an entry of a policy's `allow`, option by option.

An option that the entry does not give must be the type's default, whatever it is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keyplan.app.references import PluginUse, read_accesses
from keyplan.model.globs import find_fixed_folder, fits_name, fits_path, fits_url, has_magic, split_path
from keyplan.model.manifest import Json
from keyplan.model.policy import AllowedStore, OptionAccess, OptionPattern
from keyplan.model.quotes import quote
from keyplan.system.links import LinkResolver

_AMBIENT = frozenset(OptionAccess) - {OptionAccess.PLACE, OptionAccess.NONE}
"""What the operator's environment says if the manifest leaves it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """An option that an entry does not allow."""

    path: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryCheck:
    """One use of a sink or ledger that is held against one entry for its type."""

    use: PluginUse
    entry: AllowedStore
    links: LinkResolver
    """Of the folder where relative paths start."""
    judges_secrets: bool
    """Whether the policy says elsewhere what secret options may be."""

    def find_misfits(self) -> Iterator[Misfit]:
        """Yield every option that the entry does not allow."""
        yield from self._compare((), self.entry.options, self.use.options, self.use.schema)

    def _compare(
        self,
        path: tuple[str, ...],
        wanted: Mapping[str, OptionPattern],
        given: Mapping[str, Json],
        schema: Mapping[str, Any],
    ) -> Iterator[Misfit]:
        properties = schema.get("properties", {})
        for name in sorted({*wanted, *given}):
            option: Mapping[str, Any] = properties.get(name, {})
            here = (*path, name)
            if name in wanted:
                yield from self._compare_given(here, wanted[name], given.get(name), option)
            elif not self._is_default(given[name], option):
                yield Misfit(path=here, message="must keep its default")

    def _compare_given(
        self, path: tuple[str, ...], pattern: OptionPattern, value: Json, option: Mapping[str, Any]
    ) -> Iterator[Misfit]:
        accesses = read_accesses(option)
        is_absent = value is None
        value = option.get("default") if is_absent else value
        if len(path) == 1 and value is not None:
            value = self.use.filled.get(path[0], value)
        if value is None:
            # Then the operator's environment says it, or nothing: but another place is another secret.
            if not accesses & _AMBIENT and (OptionAccess.PLACE in accesses or not _is_known(option)):
                yield Misfit(path=path, message=f"is missing, and must fit {_describe(pattern)}")
        elif isinstance(pattern, Mapping) and isinstance(value, Mapping) and "properties" in option:
            yield from self._compare_fields(path, pattern, value, option)
        elif not self._fits(pattern, value, accesses):
            yield Misfit(path=path, message=f"{_describe(value)} does not fit {_describe(pattern)}")

    def _compare_fields(
        self,
        path: tuple[str, ...],
        pattern: Mapping[str, OptionPattern],
        value: Mapping[str, Json],
        option: Mapping[str, Any],
    ) -> Iterator[Misfit]:
        if OptionAccess.SECRET in read_accesses(option):
            if not self._fits_secret(pattern, value):
                yield Misfit(path=path, message=f"{_describe(value)} does not fit {_describe(pattern)}")
        else:
            yield from self._compare(path, pattern, value, option)

    def _is_default(self, value: Json, option: Mapping[str, Any]) -> bool:
        if value is None or ("default" in option and option["default"] == value):
            return True
        return self.judges_secrets and OptionAccess.SECRET in read_accesses(option)

    def _fits(self, pattern: OptionPattern, value: Json, accesses: frozenset[OptionAccess]) -> bool:
        if isinstance(value, list | tuple):
            return self._fits_list(pattern, value, accesses)
        if isinstance(pattern, tuple):
            return any(self._fits(one, value, accesses) for one in pattern)
        if isinstance(pattern, str) and isinstance(value, str):
            return self._fits_text(pattern, value, accesses)
        # In Python, 1 is equal to True.
        return type(pattern) is type(value) and pattern == value

    def _fits_list(self, pattern: OptionPattern, value: Sequence[Json], accesses: frozenset[OptionAccess]) -> bool:
        if OptionAccess.COMMAND not in accesses:
            return all(self._fits(pattern, item, accesses) for item in value)
        # A command line is what it is by the order of its words.
        return (
            isinstance(pattern, tuple)
            and len(pattern) == len(value)
            and all(isinstance(item, str) and item == one for one, item in zip(pattern, value, strict=True))
        )

    def _fits_text(self, pattern: str, value: str, accesses: frozenset[OptionAccess]) -> bool:
        if OptionAccess.URL in accesses:
            return fits_url(pattern, value)
        if OptionAccess.FILE in accesses:
            return is_file_of(pattern, value, self.links)
        return fits_name(pattern, value)

    def _fits_secret(self, pattern: Mapping[str, OptionPattern], value: Mapping[str, Json]) -> bool:
        if pattern.keys() != value.keys():
            return False
        accesses = {"file": frozenset({OptionAccess.FILE}), "command": frozenset({OptionAccess.COMMAND})}
        return all(self._fits(one, value[kind], accesses.get(kind, frozenset())) for kind, one in pattern.items())


def is_file_of(pattern: str, path: str, links: LinkResolver) -> bool:
    """Whether a path fits a glob of paths, and no link leads it out of the folder that the glob begins with."""
    way = split_path(path, links.start)
    if way is None or not fits_path(pattern, path, links.start):
        return False
    return links.stays_within(way, [str(Path(links.start, find_fixed_folder(pattern)))])


def names_exactly(entries: Sequence[AllowedStore], use: PluginUse, option: str) -> bool:
    """Whether an entry for the type spells what an option is, without a glob."""
    value = use.options.get(option)
    spelt = [entry.options.get(option) for entry in entries if entry.type == use.type]
    return any(pattern == value and isinstance(pattern, str) and not has_magic(pattern) for pattern in spelt)


def _is_known(option: Mapping[str, Any]) -> bool:
    """Whether the schema of an option shows that its own value names nothing: a choice, a number, an object."""
    return "enum" in option or "properties" in option or "x-access" in option or option.get("type") == "boolean"


def _describe(value: object) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, Mapping):
        return quote("{" + ", ".join(f"{name}: {inner}" for name, inner in value.items()) + "}")
    if isinstance(value, list | tuple):
        return " or ".join(map(_describe, value)) if value else "nothing"
    return str(value).lower() if isinstance(value, bool) else str(value)
