"""Holds a ledger's lock as a lease: waits for it, renews it, and notices when it is lost. The same for every ledger.

A holder must never take the lock for its own after another run may have taken it over: in doubt the lease is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, RLock, Thread
from typing import Protocol

from keyplan.errors import InputError, LeaseLostError, LedgerError, LedgerLockedError
from keyplan.model.ledger import Holder, LockName
from keyplan.model.manifest import DEFAULT_LEASE
from keyplan.model.times import write_time
from keyplan.ports import Clock

_POLL = timedelta(milliseconds=500)
"""How often a waiting run asks again. Most locks are held for seconds."""
_ADVICE = "nothing more is written; the next apply finds out how far this run came, and finishes it"


class LeaseStore(Protocol):
    """What a ledger does for its locks. Every method may raise LedgerError."""

    def seize(self, holder: Holder, *, lease: timedelta, name: LockName) -> Holder | None:
        """Take the lock if it is free or its lease is over; return the holder with `until` and a greater `number`.

        None while another holds it. The store's own clock decides, if it has one.
        """
        ...

    def renew(self, held: Holder, *, lease: timedelta, name: LockName) -> Holder:
        """Return the holder with its lease extended. Raises LeaseLostError if the lock is no longer that holder's."""
        ...

    def release(self, held: Holder, *, name: LockName) -> None:
        """Free the lock, unless it is no longer that holder's."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRequest:
    """Which lock is wanted, by whom, and how long the holder waits for it and keeps it without a renewal."""

    holder: Holder
    patience: timedelta
    lease: timedelta = DEFAULT_LEASE
    name: LockName = LockName.APPLY


@contextmanager
def hold_lease(
    store: LeaseStore, wanted: LockRequest, *, clock: Clock, refuse: Callable[[], LedgerLockedError]
) -> Iterator[HeldLease]:
    """Hold the lock while the block runs. Raises what `refuse` returns when the patience is over."""
    begun = clock.elapsed()
    deadline = begun + wanted.patience
    while (held := store.seize(wanted.holder, lease=wanted.lease, name=wanted.name)) is None:
        if clock.elapsed() >= deadline:
            raise refuse()
        clock.sleep(_POLL)
        begun = clock.elapsed()
    lease = HeldLease(store, held, wanted, clock=clock, since=begun)
    lease.keep()
    try:
        yield lease
    finally:
        lease.end()


class HeldLease:
    """Implements Lease: a lock that is held, and the thread that renews it. Safe for threads."""

    def __init__(self, store: LeaseStore, held: Holder, wanted: LockRequest, *, clock: Clock, since: timedelta) -> None:
        """`since`: what the clock had counted before the lock was asked for: the lease is not over before."""
        self._store = store
        self._held = held
        self._wanted = wanted
        self._clock = clock
        self._confirmed = since
        self._lost: LeaseLostError | None = None
        # One renewal at a time. The thread that renews and the threads that check share what is known.
        self._turn = RLock()
        self._ended = Event()
        self._thread = Thread(target=self._run, name=f"lease {wanted.name.value}", daemon=True)

    @property
    def holder(self) -> Holder:
        """This run as the holder of the lock, with its number."""
        return self._held

    def check(self) -> None:
        """Return while the lock is certainly ours. Raises LeaseLostError from then on."""
        # Nearly always, and without a turn: every thread of an apply asks, several times for each key.
        if self._lost is None and self._age() < self._wanted.lease / 3:
            return
        with self._turn:
            if self._lost is None and self._age() >= self._wanted.lease / 3:
                self._renew()
            if self._lost is not None:
                raise self._lost

    def keep(self) -> None:
        """Start to renew the lease, by a thread of its own."""
        self._thread.start()

    def end(self) -> None:
        """Stop renewing, and free the lock if it is still ours."""
        self._ended.set()
        with self._turn:
            # A lock that cannot be freed lapses.
            with suppress(LedgerError):
                self._store.release(self._held, name=self._wanted.name)
            self._lost = self._lost or LeaseLostError("the lock was released")

    def _run(self) -> None:
        # Real time, whatever the clock: a run that waits for a slow provider must not lose its lock meanwhile.
        while not self._ended.wait((self._wanted.lease / 3).total_seconds()):
            with self._turn:
                if self._lost is not None or self._ended.is_set():
                    return
                self._renew()

    def _renew(self) -> None:
        """Extend the lease, or note that it is lost."""
        asked = self._clock.elapsed()
        try:
            self._held = self._store.renew(self._held, lease=self._wanted.lease, name=self._wanted.name)
            self._confirmed = asked
        except LeaseLostError as error:
            self._lost = error
        except LedgerError as error:
            # The store may be back in a moment, and until the lease is over no other run can have the lock.
            if self._age() >= self._wanted.lease:
                self._lost = LeaseLostError(
                    f"the lock could not be renewed for as long as its lease: {error.message}", advice=_ADVICE
                )

    def _age(self) -> timedelta:
        """Return how long ago the lock was certainly ours."""
        return self._clock.elapsed() - self._confirmed


def make_lost_error(where: str, holder: Holder | None) -> LeaseLostError:
    """Return the error of a run whose lock another one has by now, or whose lock was broken."""
    by = f"{holder.owner} on {holder.host} has it: {holder.command}" if holder else "it was unlocked, or it lapsed"
    return LeaseLostError(f"this run no longer holds the lock of {where}: {by}", advice=_ADVICE)


def make_locked_error(held: Holder, *, ends_with_lease: bool) -> LedgerLockedError:
    """Return the refusal of a lock that another run holds: who that is, until when, and what to do."""
    until = f", until {write_time(held.until)} unless it is renewed" if ends_with_lease and held.until else ""
    return LedgerLockedError(
        f"the ledger is locked by {held.owner} on {held.host} (pid {held.pid}) "
        f"since {write_time(held.since)}{until}: {held.command}",
        advice=f"wait for it (--lock-timeout), or if it is certainly dead: keyplan ledger unlock {held.id}",
    )


def make_not_held_error(lock_id: str, holders: Iterable[Holder]) -> InputError:
    """Return the refusal to break a lock by an id that none of the holders has."""
    known = ", ".join(f"'{holder.id}'" for holder in holders if holder.id != lock_id)
    return InputError(
        f"the ledger is not locked under the id '{lock_id}'",
        advice=f"it is locked under {known}" if known else "it is not locked at all",
    )
