"""What sinks and ledger show, read in parallel and put together while the provider's keys are still being listed.

Over a network, sinks and ledger are long known when the last page of keys comes. Nothing here changes anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from keyplan.applier.known_places import SurveyWithTraces, list_settled, survey_changed
from keyplan.applier.route import reader_at
from keyplan.errors import LedgerForeignError
from keyplan.model.identity import Address, KeyId, SinkName, read_provider
from keyplan.model.intent import Intent
from keyplan.model.ledger import KnownPlace, Memory
from keyplan.model.manifest import Manifest
from keyplan.model.observation import Holding, Slot, Survey
from keyplan.model.receipt import Receipt
from keyplan.ports import KeyReader, LedgerReader, SinkReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What sinks and ledger show."""

    surveys: Mapping[SinkName, Survey]
    memory: Memory
    holdings: Mapping[Slot, Holding]
    """What all places hold, those included that only the ledger names."""
    named: frozenset[KeyId]
    """The keys that should live."""
    answers: Mapping[SinkName, SurveyWithTraces]

    def list_settled(self) -> tuple[KnownPlace, ...]:
        """Return the places that need not be read again as long as nothing changes there."""
        return list_settled(self.holdings, self.answers, self.memory)


@dataclass(frozen=True, slots=True, kw_only=True)
class StockTaker:
    """Asks all sinks and the ledger at the same time."""

    manifest: Manifest
    reader: KeyReader
    ledger: LedgerReader
    sinks: Mapping[SinkName, SinkReader]
    now: datetime
    is_preflight: bool
    """Whether sinks are also asked what would keep their places from being written."""

    def begin(self, pool: ThreadPoolExecutor, located: Mapping[Address, tuple[Slot, ...]]) -> Future[Stock]:
        """Begin to ask; `pool` has a thread for each sink and two more. The result raises SinkError and LedgerError."""
        recalled = pool.submit(self.ledger.recall)
        asked = {
            name: pool.submit(self._survey, self.sinks[name], tuple(mine), recalled)
            for name, mine in _group_by_sink(located).items()
        }
        return pool.submit(self._finish, recalled, asked)

    def _survey(self, sink: SinkReader, slots: Collection[Slot], recalled: Future[Memory]) -> SurveyWithTraces:
        def recall() -> Memory:
            # A failure of the ledger is raised once the sinks have answered.
            return Memory() if recalled.exception() else recalled.result()

        return survey_changed(sink, slots, recall, is_examined=self.is_preflight)

    def _finish(self, recalled: Future[Memory], asked: Mapping[SinkName, Future[SurveyWithTraces]]) -> Stock:
        answers = {name: future.result() for name, future in asked.items()}
        _refuse_other_accounts(memory := recalled.result(), self.manifest, self.reader)
        return _complete(answers, memory, self.sinks, self.now)


def _refuse_other_accounts(memory: Memory, manifest: Manifest, reader: KeyReader) -> None:
    """Return if the ledger's records of each further provider are of the account that the manifest names."""
    urls = {one.name: reader_at(reader, one.name).base_url for one in manifest.further_providers}
    records: Sequence[Receipt | Intent] = (*memory.receipts, *memory.intents)
    for record in records:
        name = read_provider(record.address)
        # A ledger that was rebuilt from sinks does not know the account before the next delivery.
        if record.account and record.account != urls.get(name, record.account):
            raise LedgerForeignError(
                f"the ledger's keys of provider '{name}' are at {record.account}, not at {urls[name]}",
                advice=f"put the former URL of '{name}' back, or name the new provider otherwise",
            )


def _complete(
    answers: Mapping[SinkName, SurveyWithTraces], memory: Memory, sinks: Mapping[SinkName, SinkReader], now: datetime
) -> Stock:
    """Return what sinks and ledger show together, once the places are looked at that only the ledger names."""
    surveys = {name: found for name, (found, _) in answers.items()}
    holdings: dict[Slot, Holding] = {}
    for one in surveys.values():
        holdings.update(one.holdings)
    shared = _share_receipts(holdings, memory)
    # What stands at a place that was left names old keys, of which nothing has to be known.
    left = _share_receipts(_inspect_left_places(memory, sinks, holdings), memory)
    named = _name_keys(memory, shared, now)
    return Stock(surveys=surveys, memory=memory, holdings={**shared, **left}, named=named, answers=answers)


def _share_receipts(holdings: Mapping[Slot, Holding], memory: Memory) -> dict[Slot, Holding]:
    """Return the holdings, with the ledger's own receipt in place of each that agrees with it."""
    # One of the two is in memory then, and comparing them later takes no time. The ledger's knows more: which sinks
    # took the raw key.
    in_ledger = {receipt.address: receipt for receipt in memory.receipts} if holdings else {}

    def share(held: Holding) -> Holding:
        if held.receipt is None:
            return held
        recorded = in_ledger.get(held.receipt.address)
        if recorded is held.receipt:  # of a known place: it was not read
            return held
        if recorded and recorded.agrees_with(held.receipt):
            return _exchange_receipt(held, recorded)
        # Only the ledger may name places to empty: a user who can write one place could name another key's.
        return _exchange_receipt(held, replace(held.receipt, left=())) if held.receipt.left else held

    return {slot: share(held) for slot, held in holdings.items()}


def _exchange_receipt(held: Holding, receipt: Receipt) -> Holding:
    """Return a holding with another receipt: asked of nearly every place, and `replace` takes three times as long."""
    return Holding(
        present=held.present,
        receipt=receipt,
        intent=held.intent,
        owner=held.owner,
        content=held.content,
        changed_at=held.changed_at,
        revision=held.revision,
        intent_age=held.intent_age,
    )


def _inspect_left_places(
    memory: Memory, sinks: Mapping[SinkName, SinkReader], known: Mapping[Slot, Holding]
) -> dict[Slot, Holding]:
    """Return what the ledger's other places hold, as far as their sinks are still configured.

    Those are places of undeclared keys, and places that a declaration has left. A receipt of another manifest there
    says that the place, or the key, has a new owner.
    """
    # As `Slot` compares: nearly every place is known, and no slot has to be made of it to see that.
    seen = {(slot.sink, slot.location) for slot in known}
    slots: set[Slot] = set()
    for receipt in memory.receipts:
        if receipt.forgotten:
            continue
        places = (*receipt.delivered, *[entry.place for entry in receipt.left]) if receipt.left else receipt.delivered
        slots.update([Slot.of(one) for one in places if (one.sink, one.location) not in seen and one.sink in sinks])
    asked = _group_by_sink({Address(""): tuple(slots)})
    return {slot: held for name, mine in asked.items() for slot, held in sinks[name].inspect(tuple(mine)).items()}


def _name_keys(memory: Memory, holdings: Mapping[Slot, Holding], now: datetime) -> frozenset[KeyId]:
    """Return the ids of keys that receipts name as delivered, and that should still live."""
    recorded = {receipt.address: receipt for receipt in memory.receipts}
    beside = [held.receipt for held in holdings.values() if held.receipt and held.owner is None]
    # What the ledger says itself was shared before: the rest is news, and its superseded keys are looked at, too.
    news = [one for one in beside if one is not recorded.get(one.address)]
    named = {
        receipt.key_id
        for receipt in (*memory.receipts, *news)
        if not receipt.forgotten and (receipt.expires_at is None or receipt.expires_at > now)
    }
    return frozenset(named | {old.key_id for receipt in news for old in receipt.superseded})


def _group_by_sink(slots: Mapping[Address, tuple[Slot, ...]]) -> dict[SinkName, list[Slot]]:
    grouped: defaultdict[SinkName, list[Slot]] = defaultdict(list)
    for mine in slots.values():
        for slot in mine:
            grouped[slot.sink].append(slot)
    return dict(grouped)
