"""The ledger in S3: a reader that can't write, and the ledger whose every write is one conditional request.

A write must never happen after another run took the lock over: each looks at the lock first, and is pinned to the
version of the object that it saw.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from keyplan.context import PluginContext
from keyplan.errors import LeaseLostError, LedgerError, LedgerLockedError, PlanSpentError
from keyplan.ledgers.documents import chain_stored, find_head, to_history_entry, to_spending
from keyplan.ledgers.lease import LockRequest, hold_lease, make_locked_error, make_not_held_error
from keyplan.ledgers.s3.addresses import S3Addresses
from keyplan.ledgers.s3.client import WIDEST, S3Client, connect
from keyplan.ledgers.s3.heads import S3Heads
from keyplan.ledgers.s3.layout import Layout
from keyplan.ledgers.s3.locks import S3Locks, find_holder
from keyplan.ledgers.s3.objects import S3Objects, Values
from keyplan.ledgers.s3.options import S3Options
from keyplan.ledgers.s3.proof import make_refusal, prove
from keyplan.ledgers.s3.records import AddressRecord
from keyplan.model.examination import Area, Finding, Health
from keyplan.model.history import HistoryEntry
from keyplan.model.identity import Address
from keyplan.model.intent import Intent, IntentId
from keyplan.model.ledger import Holder, LockName, Memory, Spending
from keyplan.model.manifest import DEFAULT_LEASE, LedgerSettings
from keyplan.model.receipt import Receipt
from keyplan.model.times import write_time
from keyplan.ports import Lease, Ledger, LedgerReader

_MOST_NUMBERS = 20
"""How many applies may end at the same instant as ours."""
_OF_THE_STORE = ("id", "token")
"""Fields of an apply's object that say which write made it, and nothing of the apply."""


def open_reader(settings: LedgerSettings, context: PluginContext, *, account: str) -> LedgerReader:
    """Return a reader of the ledger in the settings' bucket. Raises InputError if boto3 can't be set up."""
    return S3LedgerReader(connect(S3Options.read(settings.options), context.environment), context, account)


def open_ledger(settings: LedgerSettings, context: PluginContext, *, account: str) -> Ledger:
    """Return the ledger in the settings' bucket. Raises InputError if boto3 can't be set up."""
    return S3Ledger(connect(S3Options.read(settings.options), context.environment), context, account)


class S3LedgerReader:
    """Implements LedgerReader. Safe for threads.

    Every method may raise LedgerError, LedgerForeignError and LedgerDamagedError.
    """

    def __init__(self, client: S3Client, context: PluginContext, account: str) -> None:
        self._objects = S3Objects(client, context)
        self._heads = S3Heads(self._objects, context.lineage, account)
        self._addresses = S3Addresses(self._objects)

    def recall(self) -> Memory:
        """Return receipts by address and open intents by time; each address as of one instant."""
        layout = self._heads.find()
        if layout is None:
            return Memory()
        records = sorted(self._addresses.load(layout), key=lambda record: record.address)
        intents = [intent for record in records for intent in record.intents.values()]
        serial = self._count_applies(layout)
        return Memory(
            receipts=tuple(record.receipt for record in records if record.receipt),
            intents=tuple(sorted(intents, key=lambda intent: (intent.at, intent.id))),
            serial=serial,
            head=find_head(self._read_apply(layout, serial)),
        )

    def spending(self, digest: str) -> Spending | None:
        """Return when and where a plan was applied; None if it was not."""
        layout = self._heads.find()
        found = self._objects.read(layout.plan(digest)) if layout else None
        return self._parse_spending(digest, found.values) if found else None

    def holder(self, name: LockName = LockName.APPLY) -> Holder | None:
        """Return the holder of a lock, whether its lease is over or not; None if it is free."""
        return find_holder(self._objects, self._heads, name)

    def history(self) -> Sequence[HistoryEntry]:
        """Return past applies, newest first."""
        layout = self._heads.find()
        keys = [item.key for item in self._objects.client.list(layout.history)] if layout else []
        with ThreadPoolExecutor(max_workers=WIDEST) as pool:
            found = list(pool.map(self._objects.read, keys))
        return tuple(self._parse_entry(key, one.values) for key, one in zip(keys, found, strict=True) if one)

    def examine(self) -> tuple[Finding, ...]:
        """Return where the bucket is, and whether its store honours conditional writes."""
        client = self._objects.client
        try:
            proof = prove(client)
        except LedgerError as error:
            # Perhaps a credential that may only read: with it, plans can be made.
            return (_find_storage(Health.WARNING, error.message, error.advice),)
        if proof.ignored:
            refusal = make_refusal(client, proof)
            return (_find_storage(Health.BROKEN, refusal.message, refusal.advice),)
        deletes = "" if proof.deletes else "; it ignores those of deletes, so objects are emptied instead"
        return (_find_storage(Health.FINE, f"{client.options.address} honours conditional writes{deletes}"),)

    def _count_applies(self, layout: Layout) -> int:
        key = self._objects.client.first_key(layout.history)
        try:
            return layout.number_of(key) if key else 0
        except ValueError as error:
            raise self._objects.damaged(str(key)) from error

    def _read_apply(self, layout: Layout, number: int) -> HistoryEntry | None:
        """Return an apply of the history; None if there is none of that number."""
        found = self._objects.read(layout.apply(number)) if number else None
        return self._parse_entry(layout.apply(number), found.values) if found else None

    def _parse_spending(self, digest: str, values: Values) -> Spending:
        try:
            return to_spending(values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            layout = self._heads.find_or_create()
            raise self._objects.damaged(layout.plan(digest)) from error

    def _parse_entry(self, key: str, values: Values) -> HistoryEntry:
        try:
            return to_history_entry({name: value for name, value in values.items() if name not in _OF_THE_STORE})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._objects.damaged(key) from error


def _find_storage(health: Health, detail: str, advice: str = "") -> Finding:
    return Finding(area=Area.LEDGER, subject="storage", health=health, detail=detail, advice=advice)


class S3Ledger(S3LedgerReader):
    """Implements Ledger. Safe for threads that write different addresses.

    Every method may raise LedgerError, LedgerForeignError and LedgerDamagedError; every write LeaseLostError.
    """

    def __init__(self, client: S3Client, context: PluginContext, account: str) -> None:
        super().__init__(client, context, account)
        self._clock = context.clock
        self._locks = S3Locks(self._objects, self._heads, self._fence)

    @property
    def is_shared(self) -> bool:
        """True: every machine that reaches the bucket sees the same ledger."""
        return True

    def lock(
        self,
        holder: Holder,
        *,
        patience: timedelta,
        lease: timedelta = DEFAULT_LEASE,
        name: LockName = LockName.APPLY,
    ) -> AbstractContextManager[Lease]:
        """Hold a lock while the block runs. A lock whose lease is over by the store's clock counts as free.

        Raises:
            LedgerLockedError: `patience` is over and another run still holds it.
        """
        wanted = LockRequest(holder=holder, patience=patience, lease=lease, name=name)
        return hold_lease(self._locks, wanted, clock=self._clock, refuse=lambda: self._refusal(name))

    def unlock(self, lock_id: str) -> None:
        """Break the lock of that id; its holder can write no longer.

        Raises:
            InputError: The lock is not held under that id.
        """
        held = {name: holder for name in LockName if (holder := self.holder(name))}
        for name, holder in held.items():
            if holder.id == lock_id:
                try:
                    return self._locks.drop(holder, name)
                except LeaseLostError:
                    break  # it has ended, or another run took it over, since it was looked at
        raise make_not_held_error(lock_id, held.values())

    def open_intent(self, intent: Intent) -> None:
        """Store an intent, in place of one with the same id."""
        self._change(intent.address, lambda record: replace(record, intents={**record.intents, intent.id: intent}))

    def close_intent(self, intent_id: IntentId) -> None:
        """Remove an intent."""
        address = self._find_intent(intent_id)
        if address is not None:
            self._change(address, lambda record: _without(record, [intent_id]))

    def record(self, receipt: Receipt, *, closes: Collection[IntentId] = ()) -> None:
        """Store a receipt in place of the address's former one and close intents of that address, in one write.

        Intents of other addresses are closed before: until the last write, the address's own one stays open.
        """
        for intent_id in closes:
            if self._find_intent(intent_id) not in {None, receipt.address}:
                self.close_intent(intent_id)
        self._change(receipt.address, lambda record: replace(_without(record, closes), receipt=receipt))

    def forget(self, address: Address) -> None:
        """Remove an address's receipt."""
        self._change(address, lambda record: replace(record, receipt=None))

    def spend(self, spending: Spending) -> None:
        """Mark a plan as applied.

        Raises:
            PlanSpentError: It was applied before; the message says when and on which host.
        """

        def decide(values: Values | None) -> Values:
            self._locks.require_held()
            if values is None:
                return asdict(spending)
            former = self._parse_spending(spending.digest, values)
            raise PlanSpentError(
                f"this plan was applied before: {write_time(former.at)} on {former.host}",
                advice="plan again; a plan runs once",
            )

        self._objects.change(self._heads.take().plan(spending.digest), decide)

    def remember(self, entry: HistoryEntry) -> HistoryEntry:
        """Add an apply to the history, chained to the entry before it, and return it as stored."""
        layout = self._heads.take()
        own_id = secrets.token_hex(8)
        first = self._count_applies(layout) + 1
        for number in range(first, first + _MOST_NUMBERS):
            # Chained again for each number: another run's entry, which took the number before, comes first then.
            chained = chain_stored(entry, self._read_before(layout, number))
            ours: Mapping[str, Any] = {**chained.to_dict(), "id": own_id}

            def decide(values: Values | None, ours: Values = ours) -> Values:
                self._locks.require_held()
                return ours if values is None else values

            written = self._objects.change(layout.apply(number), decide)
            if written and written.values.get("id") == own_id:
                return chained
        raise LedgerError(
            f"{self._objects.client.options.address}: too many applies end at the same time", advice="apply again later"
        )

    def _read_before(self, layout: Layout, number: int) -> Iterator[HistoryEntry]:
        """Yield the applies before a number, newest first; each is read when it is asked for."""
        for each in range(number - 1, 0, -1):
            found = self._read_apply(layout, each)
            if found:
                yield found

    def _change(self, address: Address, update: Callable[[AddressRecord], AddressRecord]) -> None:
        self._addresses.change(self._heads.take(), address, update, self._locks.require_held)

    def _find_intent(self, intent_id: IntentId) -> Address | None:
        # While this run holds the lock no other run opens intents.
        return self._addresses.find_intent(
            self._heads.take(), intent_id, may_trust=lambda: self._locks.require_held() is not None
        )

    def _fence(self, number: int) -> None:
        self._addresses.fence(self._heads.find_or_create(), number)

    def _refusal(self, name: LockName) -> LedgerLockedError:
        held = self.holder(name)
        where = self._objects.client.options.address
        if held is None:
            return LedgerLockedError(f"{where} was locked by a run that has just ended", advice="try again in a moment")
        return make_locked_error(held, ends_with_lease=True)


def _without(record: AddressRecord, closed: Collection[IntentId]) -> AddressRecord:
    """Return a record without these intents; the same one if it has none of them."""
    if not record.intents.keys() & set(closed):
        return record
    return replace(record, intents={name: intent for name, intent in record.intents.items() if name not in closed})
