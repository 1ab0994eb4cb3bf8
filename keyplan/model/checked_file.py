"""A YAML file that a plugin reads beside the manifest: what it says, and where each part of it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from keyplan.errors import Problem
from keyplan.model.identity import Address
from keyplan.model.manifest import Json
from keyplan.model.place import Place

JsonPath: TypeAlias = tuple[str | int, ...]
"""From the top of a file to a part of it: names of fields, and indexes from 0."""
_NO_ADDRESS = Address("")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """A file that fits its schema. What its plugin finds wrong beyond that becomes a problem with its place."""

    name: str
    """As the manifest names it."""
    values: Mapping[str, Json]
    find_place: Callable[[JsonPath], Place] = field(repr=False, compare=False)
    """Return where a part stands, or the innermost one on the way to it."""
    family: str = "file"
    """What the ids of its problems' rules begin with."""

    def problem(self, path: JsonPath, message: str, *, advice: str = "") -> Problem:
        """Return a problem of the part at a path."""
        rule = f"{self.family}/invalid"
        return self.find_place(path).problem(message, rule=rule, subject=_NO_ADDRESS, advice=advice)


ReadFile: TypeAlias = Callable[[str, str], CheckedFile]
"""Returns the file of a path, which a published schema of that name describes, such as ``provider.v1``.

Raises InputError if it cannot be read, ManifestError with every problem if it does not fit the schema.
"""
