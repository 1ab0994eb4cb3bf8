"""Read one declaration: what its fields mean together, beyond what a JSON Schema can say.

Spaces stay as the manifest writes them; `planner.desired` resolves them later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from keyplan.manifest.addresses import Addresses
from keyplan.manifest.defaults import SCOPE_FIELDS, SERVICE_FIELDS, SPACE_FIELDS, Defaults, GivenFields, MergedFields
from keyplan.manifest.expansion import may_be_unexpanded, report_unexpanded
from keyplan.manifest.lineage import read_moves
from keyplan.manifest.plugins import Sinks
from keyplan.manifest.problems import Problems
from keyplan.manifest.providers import Providers, read_named_scope, refuse_type
from keyplan.manifest.roles import DEFAULT_ROLES, read_organizations, read_roles
from keyplan.manifest.rotation import read_expiry, read_rotation
from keyplan.model.desired import address_of
from keyplan.model.identity import (
    Address,
    Identity,
    KeyId,
    Origin,
    ProviderName,
    ScopeId,
    qualify,
    read_provider,
    unqualify,
)
from keyplan.model.laws import KeyForm
from keyplan.model.manifest import (
    Adopt,
    Declaration,
    Delivery,
    KeyType,
    OnDescriptionChange,
    OnRemove,
    OrganizationGrant,
    ProviderSettings,
    Roles,
    ScopeById,
    ScopeByName,
    ScopeRef,
)
from keyplan.model.observation import REF_DIGITS, Marker, split_marker
from keyplan.model.place import FindPlace
from keyplan.model.quotes import quote
from keyplan.model.texts import compose

# Looked up and not called: the schema let nothing else through, and four calls take 15 ms of 10,000 declarations.
_KEY_TYPES = {kind.value: kind for kind in KeyType}
_ADOPT = {word.value: word for word in Adopt}
_ON_REMOVE = {word.value: word for word in OnRemove}
_ON_DESCRIPTION_CHANGE = {word.value: word for word in OnDescriptionChange}
_ARIZE_TYPES = (KeyType.USER, KeyType.SERVICE)
_ADDRESS_FIELDS = ("name", "space", *SCOPE_FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadScope:
    """What a key may use; nothing of it counts for a user key."""

    scope: ScopeRef | None = None
    field: str = ""
    """Which field names the scope, if that is not one of Arize's."""
    organizations: tuple[OrganizationGrant, ...] = ()
    roles: Roles = DEFAULT_ROLES

    def first_space(self) -> str:
        """Return the space that stands in the address; empty for a user key, or if none could be read."""
        if self.organizations:
            return self.organizations[0].spaces[0].space_id
        return str(self.scope) if self.scope else ""


_NOWHERE = ReadScope()


@lru_cache(maxsize=1024)
def _name_by_id(space_id: ScopeId) -> ReadScope:
    # Keys share spaces: without this there is a ScopeById for each key, and planning compares them field by field.
    return ReadScope(scope=ScopeById(space_id))


def read_scope(
    fields: MergedFields, key_type: KeyType, forms: tuple[KeyForm, ...] | None, problems: Problems
) -> ReadScope:
    """Return what a key may use; problems are added. `forms` is None for a provider with the fields of Arize."""
    if forms is not None:
        scope = read_named_scope(fields, key_type, forms, problems)
        field = next((form.scope_field for form in forms if form.key_type is key_type), "")
        return ReadScope(scope=scope, field=field)
    if key_type not in _ARIZE_TYPES:
        refuse_type(fields, key_type, _ARIZE_TYPES, problems)
    if key_type is not KeyType.SERVICE:
        _refuse_service_fields(fields, problems)
        return _NOWHERE
    given = [name for name in SPACE_FIELDS if name in fields.values]
    if len(given) > 1:
        names = " and ".join(f"'{name}'" for name in given)
        problems.add(fields.spot(given[1]), f"fields {names} exclude each other; keep one")
        return _NOWHERE
    # A field that the schema refused was given: it is not missing as well.
    if not given and fields.lacks(*SPACE_FIELDS):
        problems.add(fields.own.spot, "a service key needs one of 'space_id', 'space' and 'organizations'", "missing")
    return _read_spaces(fields, problems)


def _refuse_service_fields(fields: MergedFields, problems: Problems) -> None:
    own = fields.own.table
    if own.keys().isdisjoint(SERVICE_FIELDS):
        return
    for name in SERVICE_FIELDS:
        if name in own:
            problems.add(own.key_spot(name), f"field '{name}' is for service keys, and this is a user key")


def _read_spaces(fields: MergedFields, problems: Problems) -> ReadScope:
    values, roles = fields.values, read_roles(fields, problems)
    if "organizations" in values:
        return ReadScope(organizations=read_organizations(values["organizations"], problems), roles=roles)
    if "space_id" in values:
        scope = _name_by_id(ScopeId(values["space_id"]))
        return scope if roles is DEFAULT_ROLES else replace(scope, roles=roles)
    return ReadScope(scope=ScopeByName(values["space"]) if "space" in values else None, roles=roles)


LONGEST_DESCRIPTION = 1_000
"""Characters that the provider takes, the marker included (docs/arize-api.md, A16)."""
ALWAYS_FITS = LONGEST_DESCRIPTION // 2
"""Beside so many characters there is room for every marker: owner and id are texts of less than a hundred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclarationReader:
    """Reads the declarations of one manifest."""

    identity: Identity
    """Its owner is empty if it could not be read."""
    marker: bool
    defaults: Defaults
    sinks: Sinks
    providers: Providers
    addresses: Addresses
    find_place: FindPlace
    """As every declaration gets it."""
    problems: Problems

    def check_defaults(self) -> None:
        """Add the problems of a default sink, which no declaration need use."""
        if "sink" in self.defaults.given:
            self.sinks.read_default(self.defaults.given.table)

    def declare(self, own: GivenFields) -> Declaration | None:
        """Return a declaration; None if it has no address. It is sound only if no problem was added."""
        fields = self.defaults.merge(own)
        values = fields.values
        key_type, provider = self._read_key_type(fields), self._find_provider(fields)
        scope = self._read_scope(fields, key_type, provider)
        expiry = read_expiry(fields, self.problems, most=provider.max_lifetime)
        rotation = read_rotation(fields, expiry, self.problems)
        deliveries = self._read_deliveries(fields)  # every part is read: the user sees all problems at once
        address = self._read_address(fields, key_type, scope, provider.name)
        description, moves = self._read_description(fields, address), self._read_moves(fields, provider.name)
        import_id, adopt = self._read_import(fields, provider.name), self._read_adopt(fields)
        if key_type is None or address is None:
            return None
        return Declaration(
            address=address,
            name=compose(values["name"]),  # two forms of one name are one name: editors change one into the other
            key_type=key_type,
            provider=provider.name,
            description=description,
            scope=scope.scope,
            scope_field=scope.field,
            roles=scope.roles,
            organizations=scope.organizations,
            expires_at=expiry.at,
            expires_in=expiry.after,
            rotation=rotation,
            deliveries=deliveries,
            protect=values.get("protect", False),
            adopt=adopt,
            retire_adopted=values.get("retire_adopted", False),
            on_remove=_ON_REMOVE[values.get("on_remove", "delete")],
            on_description_change=_ON_DESCRIPTION_CHANGE[values.get("on_description_change", "defer")],
            may_rotate_itself=values.get("self", False),
            moved_from=tuple([former for former in moves if not isinstance(former, Origin)]),
            taken_from=tuple(sorted([former for former in moves if isinstance(former, Origin)])),
            import_id=import_id,
            group=values.get("group", ""),
            place=self.problems.place_of(own.spot),
            find_place=self.find_place,
        )

    def _read_key_type(self, fields: MergedFields) -> KeyType | None:
        if "key_type" in fields.values:
            return _KEY_TYPES[fields.values["key_type"]]
        if fields.lacks("key_type"):
            self.problems.add(fields.own.spot, "field 'key_type' is missing", "missing")
        return None

    def _read_deliveries(self, fields: MergedFields) -> tuple[Delivery, ...]:
        if "sink" in fields.own:
            return self.sinks.read_deliveries(fields.values["sink"], fields.spot("sink"))
        if "sink" in fields.values:
            return self.sinks.read_default(self.defaults.given.table)
        if fields.lacks("sink"):
            self.problems.add(fields.own.spot, "field 'sink' is missing, here and in 'defaults'", "missing")
        return ()

    def _find_provider(self, fields: MergedFields) -> ProviderSettings:
        label = fields.values.get("provider")
        if label is None:
            return self.providers.default
        return self.providers.find(label, fields.spot("provider"), self.problems) or self.providers.default

    def _read_scope(self, fields: MergedFields, key_type: KeyType | None, provider: ProviderSettings) -> ReadScope:
        if key_type is None:
            return _NOWHERE
        scope = read_scope(fields, key_type, self.providers.forms.get(provider.name), self.problems)
        if provider.name and scope.scope is not None:
            return replace(scope, scope=replace(scope.scope, provider=provider.name))
        return scope

    def _read_address(
        self, fields: MergedFields, key_type: KeyType | None, scope: ReadScope, provider: ProviderName
    ) -> Address | None:
        """Return the address, as soon as the fields that it is made of could be read."""
        space, values = scope.first_space(), fields.values
        if key_type is None or "name" not in values or (key_type is KeyType.SERVICE and not space):
            return None
        for field in _ADDRESS_FIELDS:
            # Where a field stands is found only for a text that may be a problem.
            if field in values and may_be_unexpanded(values[field]):
                report_unexpanded(values[field], fields.spot(field), self.problems, what=field)
        address = address_of(key_type, values["name"], space, provider=provider)
        self.addresses.declare(address, fields.own.spot)
        return address

    def _read_description(self, fields: MergedFields, address: Address | None) -> str:
        # The provider may trim it, and the marker is joined by one blank: blanks at the ends would never compare equal.
        text: str = fields.values.get("description", "").strip()
        if text.endswith("]") and split_marker(text)[1] is not None:
            spot = fields.spot("description")
            self.problems.add(spot, "field 'description' ends with a marker; leave it out, keyplan adds its own")
        elif len(text) > ALWAYS_FITS and self.marker and address is not None:
            # Any marker of this owner is as long as its own, which takes a digest.
            excess = len(text) + _count_beside(self.identity) - LONGEST_DESCRIPTION
            if excess > 0:
                counts = f"{len(text):,} characters; with the marker at most {len(text) - excess:,} are allowed"
                self.problems.add(fields.spot("description"), f"field 'description' has {counts}")
        return text

    def _read_moves(self, fields: MergedFields, provider: ProviderName) -> tuple[Address | Origin, ...]:
        if "moved_from" not in fields.values:
            return ()
        given, spot = fields.values["moved_from"], fields.spot("moved_from")
        moves = tuple(read_moves(given, spot, own=self.identity, addresses=self.addresses, problems=self.problems))
        for former in (one for one in moves if not isinstance(one, Origin)):
            if read_provider(former) != provider:
                message = f"{quote(former)} is an address of another provider, from which no key can move"
                self.problems.add(spot, message)
        return moves

    def _read_import(self, fields: MergedFields, provider: ProviderName) -> KeyId | None:
        # `moved_from` beside it is not a contradiction: an imported key may change its address before it is replaced.
        if "import" not in fields.own:
            return None
        own = fields.own.table
        # Listings show the ids of further providers with the provider's name.
        key_id = KeyId(qualify(provider, unqualify(provider, own["import"])))
        self.addresses.import_key(key_id, own.value_spot("import"))
        return key_id

    def _read_adopt(self, fields: MergedFields) -> Adopt:
        adopt = _ADOPT[fields.values.get("adopt", "refuse")]
        # A default may stand above keys of all kinds.
        if adopt is not Adopt.REPLACE and fields.own.get("retire_adopted", False):
            self.problems.add(
                fields.own.table.key_spot("retire_adopted"),
                "field 'retire_adopted' goes with 'adopt: replace': only a key that another one replaces is retired",
            )
        return adopt


@lru_cache(maxsize=1)
def _count_beside(identity: Identity) -> int:
    """Return how many characters a marker of this manifest takes beside a text, the blank between them included."""
    return len(Marker(identity.owner, "?" * REF_DIGITS, identity.id).attach("x")) - 1
