"""A provider of keys in memory, with the laws of both dialects (docs/arize-api.md)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from keyplan.errors import (
    InDoubtError,
    InputError,
    ProviderDeniedError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from keyplan.model.desired import Desired
from keyplan.model.identity import NO_USER, KeyId, ScopeId, UserId
from keyplan.model.laws import Laws
from keyplan.model.manifest import KeyType, ScopeById, ScopeRef
from keyplan.model.observation import Access, Observation, Scope, split_marker
from keyplan.model.secret import Credential, RawKey
from keyplan.ports import Clock, Issued
from keyplan.simulated.effects import Effects
from keyplan.simulated.records import LAWS, ME, KeyRecord, make_space
from keyplan.simulated.refusals import refuse_access, refuse_lifetime, refuse_taken

T = TypeVar("T")


class SimulatedProvider:
    """Implements KeyReader and KeyWriter. Reads and writes pass through `effects`; a user's actions do not."""

    base_url = "https://api.simulated.test"
    id_prefix = "key"
    """What the ids of new keys begin with."""
    me = ME
    """Whose credential it is: who makes what is created."""

    def __init__(
        self,
        clock: Clock,
        effects: Effects,
        *,
        dialect: Literal["alpha", "beta", "phoenix", "zenml"] = "beta",
        refresh_id: Literal["new", "same"] = "new",
        max_lifetime: timedelta | None = None,
    ) -> None:
        self.dialect = dialect
        self.refresh_id = "same" if dialect == "zenml" else refresh_id
        self.max_lifetime = max_lifetime
        self.records: dict[KeyId, KeyRecord] = {}
        self.spaces: dict[str, Scope] = {name: make_space(name) for name in ("production", "staging")}
        self.own_key: KeyId | None = None
        """The key that keyplan presents; None for a credential that is not a listed key and never dies."""
        self.verifications_refused = 0
        """So many of the next `verify` say no."""
        self.listing_lag = timedelta(0)
        """How long a new key is missing from listings."""
        self.is_denied = False
        """True: whatever keyplan's credential asks for is forbidden; raw keys still work."""
        self.shows_others = False
        """Whether listings hold the keys of other users, too."""
        self.hidden: frozenset[KeyId] = frozenset()
        """Keys that no listing holds: another account, another user, a right that was taken away."""
        self.skew = timedelta(0)
        self.grant: Callable[[Access], Access] = lambda access: access
        """Which access a key gets instead of the one that it is asked for."""
        self.store_expiry: Callable[[datetime], datetime | None] = lambda instant: instant
        """Which expiry is stored instead of the one that a key is asked to have."""
        self.store_text: Callable[[str], str] = str
        """How names and descriptions are stored."""
        self.echoes = False
        """Whether answers to create and refresh repeat texts and expiry as they were sent, however they are stored."""
        self._asked_expiry: datetime | None = None
        self._clock = clock
        self._effects = effects
        self._issued = 0

    # KeyReader

    def laws(self) -> Laws:
        """Return the laws of the dialect."""
        return LAWS[self.dialect]

    def list_keys(self, spaces: Collection[ScopeId]) -> tuple[Observation, ...]:
        """Return active keys of the credential's owner, and in beta all of the given spaces, sorted by id."""
        return self._read("provider.list_keys", lambda: self._list(frozenset(spaces)))

    def search_keys(
        self, *, key_type: KeyType | None, active: bool | None, scope_id: ScopeId | None
    ) -> tuple[Observation, ...]:
        """Return keys that pass the filters, sorted by id."""
        spaces = frozenset([scope_id] if scope_id else [])
        return self._read("provider.search_keys", lambda: self._search(key_type=key_type, active=active, spaces=spaces))

    def find_scopes(self, references: Collection[ScopeRef]) -> Mapping[ScopeRef, Scope]:
        """Return every referenced space; InputError where one is unknown."""
        return self._read("provider.find_spaces", lambda: {ref: self._find_space(ref) for ref in references})

    def list_scopes(self) -> tuple[Scope, ...]:
        """Return every space, sorted by id."""
        return self._read("provider.list_spaces", lambda: tuple(sorted(self.spaces.values(), key=lambda one: one.id)))

    def presents(self, redacted: str) -> bool:
        """Whether the redacted form fits the key that keyplan presents."""
        return self.own_key is not None and Credential(self.records[self.own_key].raw).fits(redacted)

    @property
    def shows_dead(self) -> bool:
        """Whether listings can show keys that do not work any longer."""
        return not self.laws().listing_proves_absence

    def clock_skew(self) -> timedelta | None:
        """Return `skew`: by how much the provider's clock is said to be ahead."""
        return self.skew

    # KeyWriter

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        """Make a key by the dialect's laws."""
        return self._issue("provider.create", desired.address, lambda: self._create(desired, expires_at))

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:
        """Renew a key by the dialect's laws."""
        return self._issue("provider.refresh", key_id, lambda: self._refresh(key_id, expires_at, grace))

    def update(self, key_id: KeyId, desired: Desired) -> Observation:
        """Change name and description of a key, by the dialect's laws."""
        return self._repeatable("provider.update", key_id, lambda: self._update(key_id, desired))

    def delete(self, key_id: KeyId) -> None:
        """End a key; one that is gone is not an error."""
        self._repeatable("provider.delete", key_id, lambda: self._end(key_id))

    def verify(self, raw: RawKey) -> bool:
        """Whether a raw key works now."""
        # The raw key is what is presented here, so keyplan's own credential may be dead by now.
        unavailable = _unavailable("provider.verify")
        return self._effects.run("provider.verify", lambda: self._verify(raw), lost=unavailable, failed=unavailable)

    # what a test, or a user beside keyplan, does and asks

    def accepts(self, raw_text: str, now: datetime | None = None) -> bool:
        """Whether some key lets this raw key in."""
        instant = now or self._clock.now()
        return any(record.accepts(raw_text, instant) for record in self.records.values())

    def working(self) -> frozenset[str]:
        """Return every raw key that works now."""
        now = self._clock.now()
        graced = {
            raw for record in self.records.values() if record.active for raw, until in record.graced if now < until
        }
        return frozenset(graced | {record.raw for record in self.live()})

    def live(self) -> tuple[KeyRecord, ...]:
        """Return every record that works now, sorted by id."""
        now = self._clock.now()
        return tuple(record for _, record in sorted(self.records.items()) if record.is_live(now))

    def person_creates(
        self,
        name: str,
        *,
        key_type: KeyType = KeyType.USER,
        description: str = "",
        access: Access | None = None,
        expires_at: datetime | None = None,
        created_by: UserId = ME,
    ) -> KeyRecord:
        """A user makes a key by hand."""
        record = KeyRecord(
            id=KeyId(""),
            name=name,
            key_type=key_type,
            description=description,
            access=access,
            raw="",
            created_at=self._clock.now(),
            expires_at=expires_at,
            created_by=created_by,
        )
        return self._add(record)

    def person_deletes(self, key_id: KeyId) -> None:
        """A user ends a key by hand."""
        self._end(key_id)

    def person_rotates(self, key_id: KeyId) -> KeyRecord:
        """A user refreshes a key by hand, its expiry as it was; the new raw key is that user's alone."""
        return self._renew(self.records[key_id], self.records[key_id].expires_at, timedelta(0))

    def person_uses(self, key_id: KeyId) -> None:
        """Some consumer authenticates with a key now."""
        self.records[key_id] = replace(self.records[key_id], last_used_at=self._clock.now())

    def add_space(self, name: str) -> Scope:
        """Add a space and return it."""
        return self.spaces.setdefault(name, make_space(name))

    def present(self, key_id: KeyId) -> None:
        """Make this key the one that keyplan presents; when it dies, every call is denied."""
        self.own_key = key_id

    # passing through the hook

    def _read(self, name: str, act: Callable[[], T]) -> T:
        return self._effects.read(name, self._authenticated(act), failed=_unavailable(name))

    def _issue(self, name: str, subject: str, act: Callable[[], KeyRecord]) -> Issued:
        record = self._effects.run(
            name,
            self._authenticated(act),
            subject=subject,
            lost=InDoubtError(f"{name}: the answer was lost"),
            failed=_unavailable(name),
        )
        shown = self._show(record, record.scope_ids)
        if self.echoes:
            description = split_marker(record.description)[0]
            shown = replace(shown, name=record.name, description=description, expires_at=self._asked_expiry)
        return Issued(key=shown, raw=RawKey(record.raw))

    def _repeatable(self, name: str, subject: str, act: Callable[[], T]) -> T:
        checked = self._authenticated(act)
        return self._effects.run(name, checked, subject=subject, lost=_unavailable(name), failed=_unavailable(name))

    def _authenticated(self, act: Callable[[], T]) -> Callable[[], T]:
        def checked() -> T:
            if self.own_key and not self.records[self.own_key].is_live(self._clock.now()):
                raise ProviderDeniedError("401 Unauthorized")
            if self.is_denied:
                raise ProviderDeniedError("403 Forbidden", advice="give keyplan's key its role back")
            return act()

        return checked

    # reading

    def _list(self, spaces: frozenset[ScopeId]) -> tuple[Observation, ...]:
        return self._search(key_type=None, active=True, spaces=spaces, own=True)

    def _search(
        self, *, key_type: KeyType | None, active: bool | None, spaces: frozenset[ScopeId], own: bool = False
    ) -> tuple[Observation, ...]:
        self._refuse_unknown_spaces(spaces)
        own = own or not spaces or not self.laws().shows_scopes
        creators = {record.created_by for record in self.records.values()} if self.shows_others else {self.me}
        return tuple(
            self._show(record, spaces)
            for _, record in sorted(self.records.items())
            if record.id not in self.hidden
            and key_type in (None, record.key_type)
            and active in (None, record.active)
            and (self.shows_dead or record.is_live(self._clock.now()))
            and record.created_at + self.listing_lag <= self._clock.now()
            and ((own and record.created_by in creators) or (self.laws().shows_scopes and record.scope_ids & spaces))
        )

    def _refuse_unknown_spaces(self, spaces: Collection[ScopeId]) -> None:
        known = {space.id for space in self.spaces.values()}
        for space_id in sorted(set(spaces) - known):
            raise ProviderRefusedError(f"404 Not Found: space {space_id}", status=404)

    def _show(self, record: KeyRecord, asked: Collection[ScopeId]) -> Observation:
        description, marker = split_marker(self.store_text(record.description))
        laws, in_full = self.laws(), record.created_by == self.me
        visible = record.scope_ids if in_full else record.scope_ids & set(asked)
        return Observation(
            id=record.id,
            name=self.store_text(record.name),
            key_type=record.key_type,
            description=description,
            marker=marker,
            active=record.active,
            redacted=record.redacted if laws.shows_redacted else "",
            created_at=record.created_at,
            rotated_at=(record.rotated_at or record.created_at) if laws.keeps_one_previous else None,
            previous_until=record.graced[0][1] if record.graced and laws.keeps_one_previous else None,
            expires_at=record.expires_at,
            last_used_at=record.last_used_at if self.laws().shows_last_use else None,
            created_by=NO_USER if laws.marks_prove_creator else record.created_by,
            scope_ids=visible if self.laws().shows_scopes else None,
            access=record.access if self.laws().shows_scopes and in_full else None,
        )

    def _find_space(self, reference: ScopeRef) -> Scope:
        found = [space for space in self.spaces.values() if str(reference) == _called(reference, space)]
        if not found:
            raise InputError(f"space '{reference}' is unknown")
        return found[0]

    # changing

    def _create(self, desired: Desired, expires_at: datetime | None) -> KeyRecord:
        refuse_access(desired, self.laws())
        self._refuse_unknown_spaces(desired.scope_ids)
        refuse_taken(desired, self.live(), self.laws())
        record = KeyRecord(
            id=KeyId(""),
            name=desired.declaration.name,
            key_type=desired.declaration.key_type,
            description=desired.full_description,
            access=self.grant(desired.access) if desired.access else None,
            scope_id=desired.scope_id,
            raw="",
            created_at=self._clock.now(),
            expires_at=self._bounded(expires_at),
            created_by=self.me,
        )
        return self._add(record)

    def _update(self, key_id: KeyId, desired: Desired) -> Observation:
        old = self.records.get(key_id)
        if old is None or not old.active:
            raise ProviderRefusedError(f"404 Not Found: key {key_id}", status=404)
        if not self.laws().editable:
            raise ProviderRefusedError("405 Method Not Allowed", status=405)
        refuse_taken(desired, self.live(), self.laws(), own=key_id)
        changed = replace(old, name=desired.declaration.name, description=desired.full_description)
        self.records[key_id] = changed
        return self._show(changed, changed.scope_ids)

    def _refresh(self, key_id: KeyId, expires_at: datetime | None, grace: timedelta) -> KeyRecord:
        old = self.records.get(key_id)
        if old is None or not old.active:
            raise ProviderRefusedError(f"404 Not Found: key {key_id}", status=404)
        if not self.laws().has_refresh:
            raise ProviderRefusedError("405 Method Not Allowed", status=405)
        if not timedelta(0) <= grace <= self.laws().longest_grace:
            raise ProviderRefusedError("422 Unprocessable Entity: grace_period_seconds", status=422)
        refuse_lifetime(old, expires_at, self.laws(), self._clock.now())
        return self._renew(old, self._bounded(expires_at), grace)

    def _bounded(self, expires_at: datetime | None) -> datetime | None:
        self._asked_expiry = expires_at
        now = self._clock.now()
        latest = now + self.max_lifetime if self.max_lifetime else None
        if expires_at is None:
            return latest
        if expires_at <= now or (latest and expires_at > latest):
            raise ProviderRefusedError("422 Unprocessable Entity: expires_at", status=422)
        return self.store_expiry(expires_at)

    def _renew(self, old: KeyRecord, expires_at: datetime | None, grace: timedelta) -> KeyRecord:
        step, now = self.laws().grace_step, self._clock.now()
        until = now - (-grace // step) * step
        until = min(until, old.expires_at) if old.expires_at else until
        if self.refresh_id == "same":
            earlier = () if self.laws().keeps_one_previous else old.graced
            graced = (*earlier, (old.raw, until)) if grace else ()
            renewed = replace(old, raw=self._next_raw(), expires_at=expires_at, last_used_at=None, graced=graced)
            renewed = replace(renewed, rotated_at=now)
            self.records[old.id] = renewed
            return renewed
        self.records[old.id] = replace(old, expires_at=until) if grace else replace(old, active=False)
        new = replace(old, created_at=self._clock.now(), expires_at=expires_at, last_used_at=None, graced=())
        return self._add(new)

    def _add(self, record: KeyRecord) -> KeyRecord:
        raw = self._next_raw()
        added = replace(record, id=KeyId(f"{self.id_prefix}-{self._issued:04d}"), raw=raw)
        self.records[added.id] = added
        return added

    def _next_raw(self) -> str:
        self._issued += 1
        return f"ak-sim{self._issued:047d}"

    def _end(self, key_id: KeyId) -> None:
        if key_id in self.records:
            self.records[key_id] = replace(self.records[key_id], active=False, graced=())

    def _verify(self, raw: RawKey) -> bool:
        if self.verifications_refused:
            self.verifications_refused -= 1
            return False
        return self.accepts(raw.reveal())


def _unavailable(name: str) -> ProviderUnavailableError:
    return ProviderUnavailableError(f"{name}: the provider cannot be reached")


def _called(reference: ScopeRef, space: Scope) -> str:
    return space.id if isinstance(reference, ScopeById) else space.name
