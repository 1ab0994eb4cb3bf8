"""Decides who may do what to which key, and changes the keys: the semantics that both generations share.

This module knows no HTTP, and must never store a raw key. A `ProblemError` names the status of a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from keyplan.sandbox.clock import SandboxClock, later
from keyplan.sandbox.formats import digest, new_raw_key, redact
from keyplan.sandbox.generations import CreateRequest, Generation, RefreshRequest, require_id
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.records import Key, KeyKind, NewKey, PredefinedRole
from keyplan.sandbox.responses import ProblemError
from keyplan.sandbox.seeds import FIRST_USER_ID
from keyplan.sandbox.store import KeyStore, Selection

_ADMIN = PredefinedRole(name="ADMIN")
_NOT_FOUND = 404
_NO_SUCH_KEY = "There is no such key, or it is not visible to the caller."


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The user who sent a request."""

    user_id: str
    is_admin: bool
    """Whether the caller is an administrator of the account; the first user is."""
    is_service: bool
    """Whether the caller is a bot user, that is, uses a service key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A key and its raw key, which cannot be read again."""

    key: Key
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filters of a listing."""

    kind: KeyKind | None
    is_dead: bool
    space_id: str | None
    user_id: str | None


class Account:
    """The keys of the sandbox's account, under the laws of one generation."""

    def __init__(self, store: KeyStore, clock: SandboxClock, options: SandboxOptions, generation: Generation) -> None:
        self._store = store
        self._clock = clock
        self._options = options
        self._generation = generation

    def authenticate(self, raw: str) -> Caller:
        """Return the user of a raw key, and record the use. Raises ProblemError 401."""
        key = self.check(raw)
        if key is None:
            raise ProblemError(
                401, "The credential is unknown, expired or revoked.", headers={"WWW-Authenticate": "Bearer"}
            )
        now = self._clock.now()
        # Recorded with a lag, as `last_used_at` is only approximate (docs/arize-api.md, A27).
        if key.last_used_at is None or now - key.last_used_at >= self._options.usage_lag:
            self._store.note_use(key.number, now)
        # A service key acts as its own bot user, not as the user who created it.
        user_id = key.bot.id if key.bot else key.created_by
        return Caller(user_id=user_id, is_admin=user_id == FIRST_USER_ID, is_service=key.bot is not None)

    def check(self, raw: str) -> Key | None:
        """Return the key that a raw key authenticates; None if it is not accepted."""
        hashed = digest(raw)
        return self._store.find_by_digest(hashed) if self._store.accepts(hashed, self._clock.now()) else None

    def list(self, caller: Caller, filters: Filters, *, after: int, limit: int) -> tuple[Key, ...]:
        """Return up to `limit` keys with numbers above `after` that the caller may see. Raises ProblemError 403."""
        # Done on demand: the clock is moved by hand, so no timer could do it.
        if not self._options.expired_stays_active:
            self._store.end_expired(self._clock.now())
        selection = self._select(caller, filters)
        if selection is None:
            return ()
        return self._store.page(selection, after=after, limit=limit, now=self._clock.now())

    def create(self, caller: Caller, request: CreateRequest) -> IssuedKey:
        """Create a key. Raises ProblemError."""
        _require_person(caller)
        if not caller.is_admin and request.grants and _ADMIN in request.grants.roles:
            raise ProblemError(self._generation.rule_violation_status, "A role lies above the caller's own.")
        # Names need not be unique (docs/arize-api.md, A20).
        now = self._clock.now()
        raw = new_raw_key()
        new_key = NewKey(
            name=request.name,
            description=request.description,
            kind=request.kind,
            redacted=redact(raw),
            digest=digest(raw),
            created_at=now,
            visible_at=later(now, self._options.list_delay),
            expires_at=self._generation.create_expiry(request, self._options, now),
            created_by=caller.user_id,
            grants=request.grants,
        )
        return IssuedKey(key=self._store.add(new_key), raw=raw)

    def refresh(self, caller: Caller, key_id: str, request: RefreshRequest) -> IssuedKey:
        """Give a key a new raw key, under a new id or the same. Raises ProblemError."""
        key = self._reach(caller, key_id, foreign=self._generation.foreign_refresh_status)
        if key.is_dead:
            raise ProblemError(self._generation.dead_refresh_status, "The key is deleted or revoked.")
        now = self._clock.now()
        expires_at = self._generation.refresh_expiry(key, request, self._options, now)
        old_until = _old_life(key, now, request.grace)
        raw = new_raw_key()
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
        return IssuedKey(key=renewed, raw=raw)

    def end(self, caller: Caller, key_id: str) -> None:
        """Delete or revoke a key; a dead key stays as it is. Raises ProblemError."""
        key = self._reach(caller, key_id, foreign=_NOT_FOUND)
        # Only alpha leaves open what a second delete answers (docs/arize-api.md, A28).
        if key.is_dead and self._generation.has_delete and self._options.second_delete == _NOT_FOUND:
            raise ProblemError(_NOT_FOUND, _NO_SUCH_KEY)
        self._store.end(key.number)

    def _succeed(
        self, key: Key, raw: str, now: datetime, expires_at: datetime | None, old_until: datetime | None
    ) -> Key:
        """Store the successor of a key under a new id, and end the key or shorten its life to the grace."""
        # One transaction: at no moment does neither raw key work (docs/arize-api.md, A22).
        with self._store.transaction():
            if old_until is None:
                self._store.end(key.number)
            else:
                self._store.shorten(key.number, old_until)
            return self._store.add(
                NewKey(
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
        """Return a key that the caller may act on; `foreign` is the status for another user's. Raises ProblemError."""
        _require_person(caller)
        require_id(key_id, "The key id")
        key = self._store.find(key_id)
        if key is None:
            # Said in the same words as for a key that the caller may not see (docs/arize-api.md, A31).
            raise ProblemError(_NOT_FOUND, _NO_SUCH_KEY)
        if key.created_by != caller.user_id and not (caller.is_admin and self._generation.admins_reach_all):
            # Who may act on whose key differs by generation (docs/arize-api.md, A30).
            raise ProblemError(foreign, _NO_SUCH_KEY)
        return key

    def _select(self, caller: Caller, filters: Filters) -> Selection | None:
        """Return the keys to read for a listing (docs/arize-api.md, A13); None if it can hold none."""
        if filters.space_id is not None:
            # Only service keys belong to spaces, and a listing of a space shows those of all users.
            if filters.kind is KeyKind.USER:
                return None
            return Selection(is_dead=filters.is_dead, kind=None, creator=filters.user_id, space_id=filters.space_id)
        kind = filters.kind
        if filters.user_id is not None and filters.user_id != caller.user_id:
            if not caller.is_admin:
                raise ProblemError(403, "Only an account administrator may list another user's keys.")
            # Another user's service keys are found through their spaces only (docs/arize-api.md, A9).
            kind = kind or KeyKind.USER
        elif self._options.unfiltered_services == "none" and "space_id" in self._generation.list_parameters:
            if kind is KeyKind.SERVICE:
                return None
            kind = KeyKind.USER
        return Selection(is_dead=filters.is_dead, kind=kind, creator=filters.user_id or caller.user_id, space_id=None)


def _require_person(caller: Caller) -> None:
    # The vendor does not say what service keys may do; the sandbox takes the strict reading (docs/arize-api.md, A30).
    if caller.is_service:
        raise ProblemError(403, "A service key may not manage keys.")


def _old_life(key: Key, now: datetime, grace: timedelta) -> datetime | None:
    """Return when the old raw key stops working; None if at once (docs/arize-api.md, A25)."""
    if not grace:
        return None
    # Grace never extends the old key's own lifetime.
    until = later(now, grace)
    return until if key.expires_at is None else min(until, key.expires_at)
