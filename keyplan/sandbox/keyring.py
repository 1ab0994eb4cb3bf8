"""Who may do what to which key, and what then becomes of it: the semantics that both generations share.

In: a caller's raw key, wishes, options, the clock. Out: keys, each raw key once, or a Problem. Never: HTTP, or a
raw key kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from keyplan.sandbox.dialects import Dialect, Renewal, Wish, require_id
from keyplan.sandbox.ids import digest, mint_raw_key, redact
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.problems import Problem
from keyplan.sandbox.records import Draft, Key, Kind, PredefinedRole
from keyplan.sandbox.seeds import FIRST_USER_ID
from keyplan.sandbox.store import KeyStore, Selection
from keyplan.sandbox.times import SandboxClock, later

_ADMIN = PredefinedRole(name="ADMIN")
_NOT_FOUND = 404
_NO_SUCH_KEY = "There is no such key, or it is not visible to the caller."


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever sent a request."""

    user_id: str
    is_admin: bool
    """Whether an administrator of the account: the first user is."""
    is_service: bool
    """Whether a bot user, that is a service key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A key and its raw key, which nobody sees again."""

    key: Key
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a listing was asked for."""

    kind: Kind | None
    is_dead: bool
    space_id: str | None
    user_id: str | None


class Keyring:
    """The keys of the sandbox's account, under the laws of one generation."""

    def __init__(self, store: KeyStore, clock: SandboxClock, options: SandboxOptions, dialect: Dialect) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._dialect = dialect

    def authenticate(self, raw: str) -> Caller:
        """Return who presents a raw key, and note the use. Raises Problem 401."""
        key = self.check(raw)
        if key is None:
            raise Problem(401, "The credential is unknown, expired or revoked.", headers={"WWW-Authenticate": "Bearer"})
        now = self._clock.now()
        if key.last_used_at is None or now - key.last_used_at >= self._options.usage_lag:
            self._store.note_use(key.number, now)
        user_id = key.bot.id if key.bot else key.created_by
        return Caller(user_id=user_id, is_admin=user_id == FIRST_USER_ID, is_service=key.bot is not None)

    def check(self, raw: str) -> Key | None:
        """Return the key that a raw key authenticates as; None if it doesn't."""
        hashed = digest(raw)
        return self._store.find_by_digest(hashed) if self._store.admits(hashed, self._clock.now()) else None

    def list(self, caller: Caller, filters: Filters, *, after: int, limit: int) -> tuple[Key, ...]:
        """Return up to `limit` keys that the caller may see, numbers above `after`. Raises Problem 403, 404."""
        if not self._options.expired_stays_active:
            self._store.end_expired(self._clock.now())
        selection = self._select(caller, filters)
        if selection is None:
            return ()
        return self._store.page(selection, after=after, limit=limit, now=self._clock.now())

    def create(self, caller: Caller, wish: Wish) -> Issued:
        """Make a key. Raises Problem."""
        _require_person(caller)
        if not caller.is_admin and wish.grants and _ADMIN in wish.grants.roles:
            raise Problem(self._dialect.unreasonable, "A role lies above the caller's own.")
        # No name is refused because another key has it (docs/arize-api.md, A20).
        now = self._clock.now()
        raw = mint_raw_key()
        draft = Draft(
            name=wish.name,
            description=wish.description,
            kind=wish.kind,
            redacted=redact(raw),
            digest=digest(raw),
            created_at=now,
            visible_at=later(now, self._options.list_delay),
            expires_at=self._dialect.creation_expiry(wish, self._options, now),
            created_by=caller.user_id,
            grants=wish.grants,
        )
        return Issued(key=self._store.add(draft), raw=raw)

    def refresh(self, caller: Caller, key_id: str, renewal: Renewal) -> Issued:
        """Give a key another raw key, under a new id or the same. Raises Problem."""
        key = self._reach(caller, key_id, foreign=self._dialect.foreign_refresh)
        if key.is_dead:
            raise Problem(self._dialect.dead_refresh, "The key is deleted or revoked.")
        now = self._clock.now()
        expires_at = self._dialect.renewal_expiry(key, renewal, self._options, now)
        old_until = _old_life(key, now, renewal.grace)
        raw = mint_raw_key()
        # Both answers, and the times that go with them, are possible (docs/arize-api.md, A22 and A26).
        match self._options.refresh_id:
            case "new":
                renewed = self._succeed(key, raw, now, expires_at, old_until)
            case "same":
                renewed = self._store.exchange(
                    key, digest=digest(raw), redacted=redact(raw), expires_at=expires_at, old_until=old_until
                )
            case _:
                assert_never(self._options.refresh_id)
        return Issued(key=renewed, raw=raw)

    def end(self, caller: Caller, key_id: str) -> None:
        """Delete or revoke a key; a dead one stays as it is. Raises Problem."""
        key = self._reach(caller, key_id, foreign=_NOT_FOUND)
        if key.is_dead and self._dialect.has_delete and self._options.second_delete == _NOT_FOUND:
            raise Problem(_NOT_FOUND, _NO_SUCH_KEY)
        self._store.end(key.number)

    def _succeed(
        self, key: Key, raw: str, now: datetime, expires_at: datetime | None, old_until: datetime | None
    ) -> Key:
        """Store the successor of a key under a new id, and end the key or let it lapse, in one step."""
        with self._store.transaction():
            if old_until is None:
                self._store.end(key.number)
            else:
                self._store.shorten(key.number, old_until)
            return self._store.add(
                Draft(
                    name=key.name,
                    description=key.description,
                    kind=key.kind,
                    redacted=redact(raw),
                    digest=digest(raw),
                    created_at=now,
                    visible_at=later(now, self._options.list_delay),
                    expires_at=expires_at,
                    created_by=key.created_by,
                    grants=key.bot.grants if key.bot else None,
                    bot_id=key.bot.id if key.bot else None,
                )
            )

    def _reach(self, caller: Caller, key_id: str, *, foreign: int) -> Key:
        """Return a key that the caller may act on. Raises Problem: 400, 403, 404, or `foreign` for another's key."""
        _require_person(caller)
        require_id(key_id, "The key id")
        key = self._store.find(key_id)
        if key is None:
            raise Problem(_NOT_FOUND, _NO_SUCH_KEY)
        if key.created_by != caller.user_id and not (caller.is_admin and self._dialect.admins_reach_all):
            # Who may act on whose key differs by generation (docs/arize-api.md, A30).
            raise Problem(foreign, _NO_SUCH_KEY)
        return key

    def _select(self, caller: Caller, filters: Filters) -> Selection | None:
        """Return what a listing reads (docs/arize-api.md, A13); None where it can hold nothing."""
        if filters.space_id is not None:
            # A space holds service keys alone, whoever made them.
            if filters.kind is Kind.USER:
                return None
            return Selection(is_dead=filters.is_dead, kind=None, creator=filters.user_id, space_id=filters.space_id)
        kind = filters.kind
        if filters.user_id is not None and filters.user_id != caller.user_id:
            if not caller.is_admin:
                raise Problem(403, "Only an account administrator may list another user's keys.")
            kind = kind or Kind.USER
        elif self._options.unfiltered_services == "none" and "space_id" in self._dialect.list_parameters:
            if kind is Kind.SERVICE:
                return None
            kind = Kind.USER
        return Selection(is_dead=filters.is_dead, kind=kind, creator=filters.user_id or caller.user_id, space_id=None)


def _require_person(caller: Caller) -> None:
    if caller.is_service:
        raise Problem(403, "A service key may not manage keys.")


def _old_life(key: Key, now: datetime, grace: timedelta) -> datetime | None:
    """Return until when the old raw key lives on; None if it dies at once (docs/arize-api.md, A25)."""
    if not grace:
        return None
    until = later(now, grace)
    return until if key.expires_at is None else min(until, key.expires_at)
