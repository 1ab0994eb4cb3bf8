"""A lock that is held is renewed, and is given up as soon as another run may have it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest

from keyplan.errors import LeaseLostError, LedgerError, LedgerLockedError
from keyplan.ledgers.lease import HeldLease, LockRequest, hold_lease, make_lost_error
from keyplan.model.ledger import Holder, LockName
from keyplan.testing.samples import NOW, SimulatedClock, make_holder

LEASE = timedelta(seconds=60)


class MemoryStore:
    """Implements LeaseStore in memory."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.held: Holder | None = None
        self.renewals = 0
        self.failure: LedgerError | None = None
        self.renewed = Event()

    def seize(self, holder: Holder, *, lease: timedelta, name: LockName) -> Holder | None:
        if self.held:
            return None
        self.held = replace(holder, until=NOW + lease, number=1)
        return self.held

    def renew(self, held: Holder, *, lease: timedelta, name: LockName) -> Holder:
        if self.failure:
            raise self.failure
        if self.held != held:
            raise make_lost_error("memory", self.held)
        self.renewals += 1
        self.renewed.set()
        return held

    def release(self, held: Holder, *, name: LockName) -> None:
        if self.failure:
            raise self.failure
        self.held = None if self.held == held else self.held

    def hold(self, *, lease: timedelta = LEASE, patience: timedelta = timedelta(0)) -> HeldLease:
        """Return a lease that the test itself ends."""
        wanted = LockRequest(holder=make_holder(), patience=patience, lease=lease)
        self.seize(wanted.holder, lease=lease, name=wanted.name)
        assert self.held
        return HeldLease(self, self.held, wanted, clock=self.clock, since=self.clock.elapsed())


def refuse() -> LedgerLockedError:
    return LedgerLockedError("held")


def test_a_lease_that_was_just_confirmed_is_not_renewed() -> None:
    store = MemoryStore()
    lease = store.hold()
    store.clock.advance(LEASE / 3 - timedelta(seconds=1))
    lease.check()
    assert store.renewals == 0


def test_a_check_renews_once_a_third_is_over() -> None:
    store = MemoryStore()
    lease = store.hold()
    store.clock.advance(LEASE * 5)
    lease.check()
    lease.check()
    assert store.renewals == 1


def test_a_lease_that_another_has_is_lost_for_good() -> None:
    store = MemoryStore()
    lease = store.hold()
    other = make_holder("other", command="keyplan rotate user/ci")
    store.held = other
    store.clock.advance(LEASE / 3)
    with pytest.raises(LeaseLostError, match="keyplan rotate user/ci"):
        lease.check()
    store.held = lease.holder
    with pytest.raises(LeaseLostError):
        lease.check()


def test_a_store_that_fails_ends_the_lease_when_it_is_over_and_not_before() -> None:
    store = MemoryStore()
    lease = store.hold()
    store.failure = LedgerError("no answer")
    store.clock.advance(LEASE - timedelta(seconds=1))
    lease.check()
    store.clock.advance(timedelta(seconds=1))
    with pytest.raises(LeaseLostError, match="no answer"):
        lease.check()


def test_a_thread_renews_without_any_check() -> None:
    store = MemoryStore()
    wanted = LockRequest(holder=make_holder(), patience=timedelta(0), lease=timedelta(milliseconds=30))
    with hold_lease(store, wanted, clock=store.clock, refuse=refuse):
        assert store.renewed.wait(10)
    assert store.held is None


def test_a_thread_that_finds_the_lock_lost_stops() -> None:
    store = MemoryStore()
    lease = store.hold(lease=timedelta(milliseconds=30))
    store.held = make_holder("other")
    lease.keep()
    lease._thread.join(10)
    with pytest.raises(LeaseLostError):
        lease.check()


def test_what_was_released_is_no_longer_held_even_if_the_store_failed() -> None:
    store = MemoryStore()
    lease = store.hold()
    store.failure = LedgerError("no answer")
    lease.end()
    with pytest.raises(LeaseLostError, match="released"):
        lease.check()


def test_a_lock_that_is_broken_names_no_holder() -> None:
    assert "unlocked, or it lapsed" in make_lost_error("memory", None).message


def test_waiting_ends_with_the_patience() -> None:
    store = MemoryStore()
    store.held = make_holder("other")
    wanted = LockRequest(holder=make_holder(), patience=timedelta(seconds=3))
    began = store.clock.elapsed()
    with pytest.raises(LedgerLockedError), hold_lease(store, wanted, clock=store.clock, refuse=refuse):
        pytest.fail("two hold one lock")
    assert store.clock.elapsed() - began == timedelta(seconds=3)


def test_waiting_ends_when_the_lock_is_free() -> None:
    store = MemoryStore()
    store.held = make_holder("other")
    store.clock.on_sleep = lambda: setattr(store, "held", None)
    wanted = LockRequest(holder=make_holder(), patience=timedelta(seconds=3))
    with hold_lease(store, wanted, clock=store.clock, refuse=refuse) as lease:
        lease.check()
