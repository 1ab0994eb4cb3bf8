"""The locks of a ledger in S3: an object for each, which says who holds it and bears the fencing number.

Whether a lease is over is judged by the store's clock alone: the age of the object beside the time of the same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from keyplan.errors import LeaseLostError, LedgerError
from keyplan.ledgers.lease import make_lost_error
from keyplan.ledgers.s3.heads import S3Heads
from keyplan.ledgers.s3.objects import Belief, S3Objects, Values, Version
from keyplan.ledgers.s3.records import LockRecord
from keyplan.model.ledger import Holder, LockName

_RESOLUTION = timedelta(seconds=1)
"""Last-Modified and Date have whole seconds (RFC 9110, 5.6.7), so an age can be that much too long."""


class S3Locks:
    """Implements LeaseStore. Safe for threads."""

    def __init__(self, objects: S3Objects, heads: S3Heads, fence: Callable[[int], None]) -> None:
        """`fence` makes late writes of earlier holders fail; it gets the number of the new one."""
        self._objects = objects
        self._heads = heads
        self._fence = fence
        self._versions: dict[LockName, Version] = {}
        """The locks as this process wrote them last."""
        self._applying: Holder | None = None
        """This process as it took the lock `APPLY`; also after it was lost, but not after it was released."""

    def seize(self, holder: Holder, *, lease: timedelta, name: LockName) -> Holder | None:
        """Take a lock, unless it is held and its lease is not over by the store's clock."""
        key = self._heads.find_or_create().lock(name)
        found = self._objects.read(key)
        former = parse_lock(self._objects, key, found)
        if found and former.holder and found.age - _RESOLUTION < former.lease:
            return None
        number = former.number + 1
        held = replace(holder, number=number, until=None)
        seen = _token_of(found.values if found else None)
        taken = LockRecord(number=number, holder=held, lease=lease, is_clean=False)

        def take(values: Values | None) -> Values | None:
            # The token and not the holder: the same holder may have renewed its lease since it was read.
            return taken.to_dict() if _token_of(values) == seen else values

        written = self._objects.change(key, take, belief=Belief(found))
        if written is None or _read_record(self._objects, key, written.content) != taken:
            return None  # another run was quicker
        self._versions[name] = written
        held = replace(held, until=written.at + lease)
        return self._begin(held, former, lease) if name is LockName.APPLY else held

    def _begin(self, held: Holder, former: LockRecord, lease: timedelta) -> Holder:
        """Return the holder of the lock `APPLY` once no late write of the former one can happen any longer."""
        self._applying = held
        try:
            self._heads.take()
            if former.is_clean:
                return held
            # Now that the lock is ours: what the former holder wrote until now is seen, what it writes later fails.
            self._fence(held.number)
            return self.renew(held, lease=lease, name=LockName.APPLY)
        except LedgerError:
            # Others need not wait for the lease; the next holder has to do the same.
            with suppress(LedgerError):
                self._drop(held, LockName.APPLY, is_clean=former.is_clean)
                self._applying = None
            raise

    def renew(self, held: Holder, *, lease: timedelta, name: LockName) -> Holder:
        """Extend the lease by writing the object once more. Raises LeaseLostError if it is another's, or free."""
        key = self._heads.find_or_create().lock(name)

        def keep(values: Values | None) -> Values | None:
            record = _read_record(self._objects, key, values)
            self._require(record, held)
            return replace(record, lease=lease).to_dict()

        version = self._versions.get(name)
        written = self._objects.change(key, keep, belief=Belief(version) if version else None)
        if written is None:
            raise make_lost_error(self._objects.client.options.address, None)
        self._versions[name] = written
        return replace(held, until=written.at + lease)

    def release(self, held: Holder, *, name: LockName) -> None:
        """Free the lock, if it is still that holder's."""
        try:
            self._drop(held, name, is_clean=True)
            if name is LockName.APPLY:
                self._applying = None
        except LeaseLostError:
            pass  # another run has it; what this one still writes is refused

    def drop(self, held: Holder, name: LockName) -> None:
        """Break the lock of a holder that may still be running. Raises LeaseLostError if it has it no longer."""
        self._drop(held, name, is_clean=False)

    def require_held(self) -> int | None:
        """Return the number to write with; None if this process never held the lock `APPLY`, or has released it.

        Raises:
            LeaseLostError: It held that lock, and another run has it now, or a user broke it.
        """
        held = self._applying
        if held is None:
            return None
        key = self._heads.find_or_create().lock(LockName.APPLY)
        found = self._objects.read(key)
        record = parse_lock(self._objects, key, found)
        self._require(record, held)
        if found and found.age + _RESOLUTION >= record.lease:
            # It lapsed, and another run may take it before our write arrives: unless it is ours for a while again.
            self.renew(held, lease=record.lease, name=LockName.APPLY)
        return held.number

    def _drop(self, held: Holder, name: LockName, *, is_clean: bool) -> None:
        key = self._heads.find_or_create().lock(name)

        def free(values: Values | None) -> Values | None:
            record = _read_record(self._objects, key, values)
            self._require(record, held)
            return LockRecord(number=record.number, is_clean=is_clean).to_dict()

        version = self._versions.pop(name, None)
        self._objects.change(key, free, belief=Belief(version) if version else None)

    def _require(self, record: LockRecord, held: Holder) -> None:
        if record.holder is None or (record.holder.id, record.number) != (held.id, held.number):
            raise make_lost_error(self._objects.client.options.address, record.holder)


def find_holder(objects: S3Objects, heads: S3Heads, name: LockName) -> Holder | None:
    """Return the holder of a lock, with the end of its lease by the store's clock; None if it is free."""
    layout = heads.find()
    found = objects.read(layout.lock(name)) if layout else None
    if layout is None or found is None:
        return None
    record = parse_lock(objects, layout.lock(name), found)
    return record.holder and replace(record.holder, until=found.at - found.age + record.lease, number=record.number)


def parse_lock(objects: S3Objects, key: str, found: Version | None) -> LockRecord:
    """Return what the object of a lock says. Raises LedgerDamagedError if it is not a lock."""
    return _read_record(objects, key, found.content if found else None)


def _read_record(objects: S3Objects, key: str, values: Values | None) -> LockRecord:
    if values is None:
        return LockRecord()
    try:
        return LockRecord.from_dict(values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise objects.damaged(key) from error


def _token_of(values: Values | None) -> object:
    return values.get("token") if values else None
