"""What a user declares: the manifest as it was read and checked, with a place for every part.

Nothing here comes from outside the file, and nothing is a secret: a credential is only named by its source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeAlias

from keyplan.errors import Problem
from keyplan.model.identity import (
    NO_MANIFEST_ID,
    ONLY_PROVIDER,
    Address,
    Departure,
    Identity,
    KeyId,
    Lineage,
    ManifestId,
    OrganizationId,
    Origin,
    ProviderName,
    ScopeId,
    SinkName,
    UserId,
    qualify,
)
from keyplan.model.limits import Limits, Rollout
from keyplan.model.place import FindPlace, Place
from keyplan.model.policy import Policy
from keyplan.model.quick import quick

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""A value as a plugin's own options hold it."""


class KeyType(Enum):
    """The kinds of keys that providers have."""

    USER = "user"
    SERVICE = "service"  # of a service account, or of one or several scopes
    SYSTEM = "system"
    API = "api"  # of a provider that has one kind of keys


class Strategy(Enum):
    """How a key's raw key is renewed."""

    AUTO = "auto"
    REFRESH = "refresh"
    REPLACE = "replace"


class Retire(Enum):
    """When a superseded key is deleted."""

    AFTER_OVERLAP = "after_overlap"
    WHEN_UNUSED = "when_unused"


class Adopt(Enum):
    """What to do with an unmanaged key that has the declaration's type, name and space."""

    REFUSE = "refuse"
    IMPORT = "import"
    REFRESH = "refresh"
    REPLACE = "replace"


class OnRemove(Enum):
    """What happens to a key whose declaration is removed."""

    DELETE = "delete"
    FORGET = "forget"


class OnDescriptionChange(Enum):
    """What a changed description alone does to a key."""

    DEFER = "defer"
    """It is taken with the next rotation."""
    REPLACE = "replace"


class Unmanaged(Enum):
    """How unmanaged keys are treated."""

    IGNORE = "ignore"
    REPORT = "report"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, order=True)
class Role:
    """A role as the API names it, lower case: ``member``, ``read-only``; or a custom role's id."""

    name: str
    custom: bool = False
    """Whether `name` is the id of a custom role rather than a predefined word."""

    def __str__(self) -> str:
        return f"custom:{self.name}" if self.custom else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Roles of a service key in its space, organization and account; defaults: the API's (docs/arize-api.md, A18)."""

    space_role: Role = Role("member")
    org_role: Role = Role("read-only")
    account_role: Role = Role("member")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SpaceGrant:
    """One space that a service key may use, and as what."""

    space_id: ScopeId
    role: Role = Role("member")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class OrganizationGrant:
    """One organization that a service key may use, and its spaces in it (at least one)."""

    org_id: OrganizationId | None
    """None if the dialect names no organizations."""
    role: Role = Role("read-only")
    spaces: tuple[SpaceGrant, ...] = ()


@dataclass(frozen=True, slots=True)
class ScopeById:
    """A space named by its id: ``space_id:`` in the manifest."""

    space_id: ScopeId
    provider: ProviderName = ONLY_PROVIDER

    @property
    def known_id(self) -> ScopeId:
        """The id as keyplan knows it among those of several providers."""
        return ScopeId(qualify(self.provider, self.space_id))

    def __str__(self) -> str:
        return self.space_id


@dataclass(frozen=True, slots=True)
class ScopeByName:
    """A space named by its name, looked up through the API: ``space:`` in the manifest."""

    name: str
    provider: ProviderName = ONLY_PROVIDER

    def __str__(self) -> str:
        return self.name


ScopeRef: TypeAlias = ScopeById | ScopeByName


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """When and how a key is renewed. None means: not on that ground, or the default of planning."""

    every: timedelta | None = None
    before_expiry: timedelta | None = None
    """None: a third of the key's life."""
    overlap: timedelta | None = None
    """How long the old key still works after the switch; None: as long as `planner.strategy.find_overlap` says."""
    strategy: Strategy = Strategy.AUTO
    generation: int = 1
    retire: Retire = Retire.AFTER_OVERLAP
    settle: timedelta = timedelta(hours=1)
    """With `Retire.WHEN_UNUSED`: how long before the switch the last use must lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Names a sink, and what of the sink's own options differs for this key."""

    sink: SinkName
    options: Mapping[str, Json] = field(default_factory=dict, hash=False)
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """An accepted finding of `keyplan drift`: by whom, for which reason, until which instant."""

    address: str | None = None
    """An address or a glob: findings about a declaration or a former one. Excludes `key_id`."""
    key_id: str | None = None
    """A key id or a glob: findings about a key, declared or not."""
    causes: tuple[str, ...] = ()
    """Words of `model.drift.Cause`; empty: all."""
    owner: str
    """Who accepts it."""
    reason: str
    until: datetime
    """Aware, UTC; from then on the finding counts again."""
    place: Place = field(compare=False)

    @property
    def subject(self) -> str:
        """What it is written for: its address or key id."""
        return self.address or self.key_id or ""


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    """A secret that stands in an environment variable."""

    name: str


@dataclass(frozen=True, slots=True)
class FromFile:
    """A secret that is a file's content without its final newline."""

    path: str


@dataclass(frozen=True, slots=True)
class FromCommand:
    """A secret that a program prints, without its final newline; no shell is involved."""

    argv: tuple[str, ...]


SecretSource: TypeAlias = FromEnvironment | FromFile | FromCommand


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """Which provider's API is used, and with whose credential."""

    type: str = "arize"
    name: ProviderName = ONLY_PROVIDER
    """Under `providers`, of one that is not the default; addresses of its keys begin with it."""
    label: str = field(default="", compare=False, repr=False)
    """Its name under `providers`, also of the default one; empty with one `provider`."""
    credential: SecretSource = FromEnvironment("ARIZE_API_KEY")
    reader_credential: SecretSource | None = None
    """What commands present that can do without the right to change anything; None: `credential`."""
    max_lifetime: timedelta | None = None
    """The longest life that the account allows its keys; None if unknown."""
    creators: tuple[UserId, ...] = ()
    """Users beside the credential's own whose marked keys are ours; sorted."""
    options: Mapping[str, Json] = field(default_factory=dict, hash=False)
    """The provider's own: for arize `region`, `base_url`, `api`."""
    place: Place | None = field(default=None, compare=False, repr=False)
    """None if the manifest has no `provider`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """One configured sink."""

    name: SinkName
    type: str
    options: Mapping[str, Json] = field(default_factory=dict, hash=False)
    """The sink's own, checked against the OPTIONS of its module."""
    place: Place = field(compare=False)


DEFAULT_LEASE = timedelta(seconds=60)
"""How long a lock is held without a renewal, unless a setting says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """Where keyplan remembers what it did."""

    type: str = "sqlite"
    options: Mapping[str, Json] = field(default_factory=dict, hash=False)
    """The ledger's own, checked against the OPTIONS of its module: for sqlite `path`."""
    lease: timedelta = DEFAULT_LEASE
    """How long its lock is held without a renewal."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One wanted key. Defaults of the manifest are merged already, and every rule of `keyplan.manifest` holds."""

    address: Address
    name: str
    key_type: KeyType
    provider: ProviderName = ONLY_PROVIDER
    description: str = ""
    scope: ScopeRef | None = None
    """For a service key with one space, or of a service account."""
    scope_field: str = ""
    """The field that names its scope if its provider has another one than Arize's spaces."""
    roles: Roles = Roles()
    organizations: tuple[OrganizationGrant, ...] = ()
    """For a service key in the multi-space form; then `space` is None."""
    expires_at: datetime | None = None
    """Aware, UTC."""
    expires_in: timedelta | None = None
    rotation: Rotation = Rotation()
    deliveries: tuple[Delivery, ...]
    """At least one."""
    protect: bool = False
    adopt: Adopt = Adopt.REFUSE
    retire_adopted: bool = False
    """With `adopt: replace`: whether the key that is there ends once its successor's overlap is over."""
    on_remove: OnRemove = OnRemove.DELETE
    on_description_change: OnDescriptionChange = OnDescriptionChange.DEFER
    may_rotate_itself: bool = False
    """`self: true`: this is the key that keyplan itself presents, and it may be renewed."""
    moved_from: tuple[Address, ...] = ()
    """Its former addresses in this manifest."""
    taken_from: tuple[Origin, ...] = ()
    """Its former addresses in other manifests: the entries of `moved_from` that name an owner."""
    import_id: KeyId | None = None
    """`import`: the key that this declaration is."""
    group: str = ""
    """Of the keys of one group, no two are renewed in one run; empty: it is in none."""
    place: Place = field(compare=False)
    find_place: FindPlace | None = field(default=None, compare=False, repr=False)
    """Called only if something is wrong: noting the places of all fields would take longer than reading them."""

    @property
    def spaces(self) -> tuple[ScopeRef, ...]:
        """Every space that it names, as it names it; empty for a user key."""
        if self.scope is not None:
            return (self.scope,)
        return tuple(
            ScopeById(grant.space_id, self.provider) for granted in self.organizations for grant in granted.spaces
        )

    def place_of(self, *path: str) -> Place:
        """Return where a field stands, here or in the defaults; else the place of the declaration."""
        return self.find_place(self.place, path) if self.find_place else self.place


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One file of declarations, read and free of problems."""

    path: str
    """As the user named it; ``-`` for standard input."""
    owner: str
    id: ManifestId = NO_MANIFEST_ID
    """Empty if the manifest has none."""
    formerly: tuple[Identity, ...] = ()
    """Whom this manifest was before: their keys, places and ledger are its own."""
    removed: tuple[Departure, ...] = ()
    """Addresses whose keys another manifest takes over."""
    marker: bool = True
    provider: ProviderSettings = ProviderSettings()
    """That of declarations which name no other."""
    further_providers: tuple[ProviderSettings, ...] = ()
    """The others of `providers`, sorted by name."""
    sinks: Mapping[SinkName, SinkSettings] = field(hash=False)
    ledger: LedgerSettings = LedgerSettings()
    limits: Limits = field(default_factory=Limits)
    rollout: Rollout | None = None
    """None: every key changes in the first run that finds it due, but for those of a group."""
    unmanaged: Unmanaged = Unmanaged.REPORT
    on_remove: OnRemove = OnRemove.DELETE
    """`defaults.on_remove`: for a key of ours whose declaration and receipt are both gone."""
    waivers: tuple[Waiver, ...] = ()
    """In file order."""
    policies: tuple[Policy, ...] = ()
    """Every one must be met: the manifest's own, if it has one, then those of policy files."""
    includes: tuple[str, ...] = field(default=(), compare=False)
    """Files that it includes, as messages name them."""
    keys: tuple[Declaration, ...]  # in file order
    find_field: Callable[[tuple[str | int, ...]], Place] | None = field(default=None, compare=False, repr=False)

    def order_of(self, problem: Problem) -> tuple[bool, str, int, int]:
        """Return what sorts problems: those of the manifest's own file first, each file's by their places."""
        return problem.file != self.path, problem.file, problem.line, problem.column

    def place_of(self, *path: str | int) -> Place:
        """Return where a field stands, by its path from the top, or the innermost one on the way. Slow, as it reads."""
        return self.find_field(path) if self.find_field else Place(self.path, 1, 1)

    @property
    def providers(self) -> tuple[ProviderSettings, ...]:
        """Every provider: the default one first."""
        return (self.provider, *self.further_providers)

    @property
    def identity(self) -> Identity:
        """Who this manifest is now."""
        return Identity(self.owner, self.id)

    @property
    def lineage(self) -> Lineage:
        """Who this manifest is, was, and takes keys over from."""
        origins = {origin for declared in self.keys for origin in declared.taken_from}
        return Lineage(identity=self.identity, formerly=self.formerly, origins=tuple(sorted(origins)))
