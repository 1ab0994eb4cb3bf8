"""What every key must meet: the rules of a platform team, or those that a manifest sets for itself.

Policies only ever add up: none allows what another one forbids. This module lies below `model.manifest`, whose
`Manifest` carries policies; that is why types of keys and roles are plain words here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TypeAlias

from keyplan.errors import Problem


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


class AllowRule(Enum):
    """The items of `allow`, which policy files alone may have."""

    BASE_URLS = "base_urls"
    CREDENTIALS = "credentials"
    SECRETS = "secrets"
    COMMANDS = "commands"
    SINKS = "sinks"
    LEDGERS = "ledgers"
    OWNERS = "owners"
    FOLDERS = "folders"
    ENVIRONMENT = "environment"

    @property
    def id(self) -> str:
        """The stable id of its violations, for programs: ``policy/allow/base_urls``."""
        return f"policy/allow/{self.value}"


class OptionAccess(Enum):
    """What an option of a provider, sink or ledger names outside the manifest: `x-access` in its JSON Schema."""

    URL = "url"
    HOST = "host"
    """A region, a namespace, or another part of where something is asked."""
    FILE = "file"
    SECRET = "secret"  # noqa: S105 - a word of schemas, not a password
    """Where a secret stands: the form of SECRET_SCHEMA."""
    COMMAND = "command"
    """A program, or a file that may name one."""
    MODULE = "module"
    """Code by its import name."""
    PROFILE = "profile"
    """A profile or context of the operator's own configuration, which may name a program."""
    PLACE = "place"
    """Which secret, repository, bucket or the like in the store."""
    NONE = "none"


class SourceKind(Enum):
    """Where a secret may stand, in the words of a manifest."""

    ENV = "env"
    FILE = "file"
    COMMAND = "command"
    PROFILE = "profile"
    """A profile of the command line of a provider, in the operator's home folder."""


@dataclass(frozen=True, slots=True)
class FromProfile:
    """A credential in a profile of the operator's own configuration, which also says where the provider is."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedSource:
    """One place, or several, where a secret may stand."""

    kind: SourceKind
    words: tuple[str, ...]
    """Of a variable or a file, one glob; of a command, the program and its arguments as they must be."""

    def __str__(self) -> str:
        words = f"[{', '.join(self.words)}]" if self.kind is SourceKind.COMMAND else self.words[0]
        return f"{{{self.kind.value}: {words}}}"


OptionPattern: TypeAlias = "bool | int | float | str | tuple[OptionPattern, ...] | Mapping[str, OptionPattern] | None"
"""What an option may be: a glob, another value as it must be, or alternatives; of a mapping, a pattern per field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedStore:
    """A type of sink or ledger, and what its options may be. One that is not given here must be the type's default."""

    type: str
    options: Mapping[str, OptionPattern] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """What a manifest may name outside itself. None: the item is not given, and allows everything."""

    base_urls: tuple[str, ...] | None = None
    """Globs of URLs of the provider."""
    credentials: tuple[AllowedSource, ...] | None = None
    """What `credential` and `reader_credential` may be."""
    secrets: tuple[AllowedSource, ...] | None = None
    """What the secret options of sinks and ledgers may be."""
    commands: bool | None = None
    """False: nothing that the manifest names may run or be imported."""
    sinks: tuple[AllowedStore, ...] | None = None
    ledgers: tuple[AllowedStore, ...] | None = None
    owners: tuple[str, ...] | None = None
    """Globs of the owner, of former owners, and of those that keys are taken from or handed to."""
    folders: tuple[str, ...] | None = None
    """Folders that every file must lie in, links resolved; a relative one starts at the manifest's folder."""
    environment: tuple[str, ...] | None = None
    """Globs of the variables that a manifest may read into its texts."""
    lines: Mapping[AllowRule, int] = field(default_factory=dict, compare=False)
    """In which line of the file each item stands, from 1."""


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
    """Sound regular expressions; one of them must match a name as a whole."""
    require_description: bool = False
    descriptions: tuple[str, ...] = ()
    """Sound regular expressions; one of them must match a description as a whole."""
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
    allow: Allow | None = None
    """What a manifest may name outside itself; None: everything. A manifest's own policy never has it."""

    def cite(self, rule: Rule | AllowRule) -> str:
        """Return a rule and its place, for people and programs: ``policy/max_age in platform.yaml:4``."""
        number = self._find_line(rule)
        return f"{rule.id} in {self.file}{f':{number}' if number else ''}"

    def _find_line(self, rule: Rule | AllowRule) -> int | None:
        if isinstance(rule, Rule):
            return self.lines.get(rule)
        return self.allow.lines.get(rule) if self.allow else None


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
    """What the user should know although it is not a problem."""
    lacks_id: bool = False
    """Whether it is a manifest without `id` and without a problem."""
