"""The receipts and open intents of a ledger: an object for each address, and what this process knows of them.

What is known saves reads and never decides: each write fails if the object is another than the one that is known.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock

from keyplan.ledgers.lease import make_lost_error
from keyplan.ledgers.s3.client import WIDEST
from keyplan.ledgers.s3.layout import Layout
from keyplan.ledgers.s3.objects import Belief, S3Objects, Values, Version
from keyplan.ledgers.s3.records import AddressRecord
from keyplan.model.identity import Address
from keyplan.model.intent import IntentId

Update = Callable[[AddressRecord], AddressRecord]


class S3Addresses:
    """The objects of all addresses in one ledger. Safe for threads that write different addresses."""

    def __init__(self, objects: S3Objects) -> None:
        self._objects = objects
        self._turn = Lock()
        self._known: dict[str, tuple[Version, AddressRecord]] = {}
        """By key; an object that was emptied has an empty record."""
        self._where: dict[IntentId, str] = {}
        """The keys of open intents."""
        self._is_complete = False
        """Whether all objects of the ledger were read once."""

    def load(self, layout: Layout) -> tuple[AddressRecord, ...]:
        """Return what the ledger knows of every address. Objects that did not change are not read again.

        Raises:
            LedgerError: The store failed.
            LedgerDamagedError: An object is not one of keyplan's.
        """
        listed = {item.key: item.etag for item in self._objects.client.list(layout.addresses)}
        with self._turn:
            known = {key: version.etag for key, (version, _) in self._known.items()}
        # Some stores write the quotation marks in one place only.
        stale = [key for key, etag in listed.items() if known.get(key, "").strip('"') != etag.strip('"')]
        with ThreadPoolExecutor(max_workers=WIDEST) as pool:
            read = dict(zip(stale, pool.map(self._objects.read, stale), strict=True))
        for key in {*read, *(known.keys() - listed.keys())}:
            self._note(layout, key, read.get(key))
        with self._turn:
            self._is_complete = True
            return tuple(record for _, record in self._known.values() if not record.is_empty)

    def change(self, layout: Layout, address: Address, update: Update, require_held: Callable[[], int | None]) -> None:
        """Change what the ledger knows of an address, all of it in one write.

        `require_held` returns the fencing number of this run, if it has one; it is asked before each attempt.

        Raises:
            LeaseLostError: The object bears the number of a later run, or `require_held` raises it.
            LedgerError: The store failed.
        """
        key = layout.address(address)

        def decide(values: Values | None) -> Values | None:
            number = require_held()
            record = self._parse(layout, key, values) if values else AddressRecord(address=address)
            if number is not None and record.number > number:
                raise make_lost_error(self._objects.client.options.address, None)
            after = update(record)
            if after == record:
                return values
            return None if after.is_empty else replace(after, number=number or record.number).to_dict()

        self._note(layout, key, self._objects.change(key, decide, belief=self._belief(key)))

    def find_intent(self, layout: Layout, intent_id: IntentId, *, may_trust: Callable[[], bool]) -> Address | None:
        """Return the address of an open intent; None if it is not open.

        `may_trust`, asked for an unknown intent: whether what was read once is still all that there is.
        """
        with self._turn:
            is_known = intent_id in self._where
        if not is_known and not (may_trust() and self._is_complete):
            self.load(layout)
        with self._turn:
            key = self._where.get(intent_id)
            return self._known[key][1].address if key else None

    def fence(self, layout: Layout, number: int) -> None:
        """Have every object with an open intent bear this number: writes that earlier runs still send then fail.

        Raises LedgerError.
        """
        keys = [layout.address(record.address) for record in self.load(layout) if record.intents]

        def raise_number(key: str) -> None:
            def decide(values: Values | None) -> Values | None:
                record = self._parse(layout, key, values) if values else None
                if record is None or not record.intents or record.number >= number:
                    return values
                return replace(record, number=number).to_dict()

            self._note(layout, key, self._objects.change(key, decide, belief=self._belief(key)))

        with ThreadPoolExecutor(max_workers=WIDEST) as pool:
            list(pool.map(raise_number, keys))

    def _belief(self, key: str) -> Belief | None:
        with self._turn:
            known = self._known.get(key)
            if known:
                return Belief(known[0])
            return Belief(None) if self._is_complete else None

    def _note(self, layout: Layout, key: str, version: Version | None) -> None:
        """Note what an object holds now."""
        record = self._parse(layout, key, version.values) if version and version.content else None
        with self._turn:
            former = self._known.pop(key, None)
            for intent_id in former[1].intents if former else ():
                self._where.pop(intent_id, None)
            if version:
                # An emptied object is there, too: it takes If-Match to write it again.
                self._known[key] = (version, record or _EMPTY)
            if record:
                self._where |= dict.fromkeys(record.intents, key)

    def _parse(self, layout: Layout, key: str, values: Values) -> AddressRecord:
        try:
            record = AddressRecord.from_dict(values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._objects.damaged(key) from error
        if layout.address(record.address) != key:
            raise self._objects.damaged(key)
        return record


_EMPTY = AddressRecord(address=Address(""))
