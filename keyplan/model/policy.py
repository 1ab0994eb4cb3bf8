"""What every key must meet: the rules of a platform team, or those that a manifest sets for itself.

Policies only ever add up: none allows what another one forbids. This module lies below `model.manifest`, whose
`Manifest` carries policies; that is why types of keys and roles are plain words here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from keyplan.errors import Problem

PATTERN_FLAGS = re.DOTALL
"""With which patterns are compiled: a dot matches a line break of a description, too."""


class Rule(Enum):
    """The fields of a policy."""

    REQUIRE_EXPIRY = "require_expiry"
    MAX_LIFETIME = "max_lifetime"
    MAX_AGE = "max_age"
    MIN_OVERLAP = "min_overlap"
    NAMES = "names"
    REQUIRE_DESCRIPTION = "require_description"
    DESCRIPTIONS = "descriptions"
    ALLOWED_KEY_TYPES = "allowed_key_types"
    ALLOWED_ROLES = "allowed_roles"
    ALLOWED_SPACES = "allowed_spaces"
    REQUIRED_SINKS = "required_sinks"
    PROTECTED = "protected"

    @property
    def id(self) -> str:
        """The stable id of its violations, for programs: ``policy/max_age``."""
        return f"policy/{self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSink:
    """What a sink must be to meet a rule."""

    word: str
    """A sink's type, or its name."""
    by_name: bool = True
    """Whether a sink of that name will do, whatever its type: names are the manifest's to choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules that hold together. One that is not given, or is empty, forbids nothing."""

    file: str
    """As the user named it: a policy file, or the manifest itself."""
    lines: Mapping[Rule, int] = field(default_factory=dict, compare=False)
    """In which line of the file each rule stands, from 1."""
    require_expiry: bool = False
    max_lifetime: timedelta | None = None
    max_age: timedelta | None = None
    min_overlap: timedelta | None = None
    """How long the old key must work after a rotation."""
    names: tuple[str, ...] = ()
    """Regular expressions; one of them must match a name as a whole."""
    require_description: bool = False
    descriptions: tuple[str, ...] = ()
    """Regular expressions; one of them must match a description as a whole."""
    allowed_key_types: tuple[str, ...] = ()
    """Values of `KeyType`."""
    allowed_roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """Of `space_role`, `org_role` and `account_role`, what a `Role` may be as text; a kind that is not there may be
    anything."""
    allowed_spaces: tuple[str, ...] = ()
    """Globs of names or ids, as a declaration writes them."""
    required_sinks: tuple[tuple[WantedSink, ...], ...] = ()
    """Each must be met; one of several by any of its alternatives."""
    protected: tuple[str, ...] = ()
    """Globs of addresses or names."""

    def cite(self, rule: Rule) -> str:
        """Return a rule and its place, for people and programs: ``policy/max_age in platform.yaml:4``."""
        line = f":{self.lines[rule]}" if rule in self.lines else ""
        return f"{rule.id} in {self.file}{line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """One manifest, and every problem with it."""

    manifest: str
    """Path as the user named it."""
    keys: int
    """How many keys it declares; 0 if that is unknown."""
    problems: tuple[Problem, ...]
    """In file order; violations of policies among them."""
    warnings: tuple[str, ...] = ()
    """What the user should know and that is no problem."""
    lacks_id: bool = False
    """Whether it is a manifest without `id` and without a problem."""
