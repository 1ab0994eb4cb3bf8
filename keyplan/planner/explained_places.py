"""What the places of a declaration hold, and what happened to its keys, as sinks, ledger and provider say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from keyplan.model.explanation import ExplainedPlace, Occurrence, PastEvent, PlaceState
from keyplan.model.history import HistoryEntry
from keyplan.model.identity import Address
from keyplan.model.intent import Intent
from keyplan.model.observation import Content, Holding, Observation, Slot, Snapshot
from keyplan.model.receipt import UNKNOWN_TIME, Receipt
from keyplan.model.times import show_time
from keyplan.planner.authority import name_manifest
from keyplan.planner.case import Case
from keyplan.planner.evidence import holding_of, lacking_slots

_ORDER = tuple(Occurrence)
"""Of what happened at one instant."""


def explain_places(case: Case, snapshot: Snapshot) -> Iterator[ExplainedPlace]:
    """Yield the places of a declaration, those that it has left last.

    `snapshot` is the one that was observed: the case's own no longer has the claims that are not believed.
    """
    receipt = case.owned.receipt if case.owned.current else None
    lacking = lacking_slots(case.slots, case.snapshot, receipt) if receipt else case.slots
    doubts = {doubt.slot: doubt.detail for doubt in case.doubts}
    for slot in case.slots:
        held = holding_of(slot, snapshot)
        if not snapshot.abilities[slot.sink].is_asked:
            state, detail = PlaceState.NOT_ASKED, ""
        elif held.owner is not None:
            state, detail = PlaceState.OTHER_WRITER, f"it bears the mark of {name_manifest(held.owner)}"
        elif slot in doubts:
            state, detail = PlaceState.NOT_BELIEVED, doubts[slot]
        elif slot not in lacking:
            state, detail = PlaceState.CURRENT, ""
        else:
            state, detail = _describe_lacking(slot, held, case)
        yield ExplainedPlace(location=str(slot), state=state, detail=detail, changed_at=held.changed_at)
    yield from _list_left(case.ledger_receipt)


def _describe_lacking(slot: Slot, held: Holding, case: Case) -> tuple[PlaceState, str]:
    """Return what a place holds that does not provably hold the current key."""
    if not held.present:
        return PlaceState.EMPTY, ""
    if held.content is Content.DIFFERS:
        return PlaceState.OTHER_VALUE, "another writer has changed it since it was delivered"
    current = case.owned.current
    if held.receipt is not None:
        is_same = current is not None and held.receipt.key_id == current.id
        return (
            (PlaceState.OTHER_VALUE, f"it holds an earlier raw key of key {held.receipt.key_id}")
            if is_same
            else (PlaceState.OTHER_KEY, f"it holds key {held.receipt.key_id}")
        )
    keeps = case.snapshot.abilities[slot.sink].holds_receipts
    return PlaceState.UNPROVEN, "no receipt stands beside it" if keeps else "its sink keeps no receipts"


def _list_left(receipt: Receipt | None) -> Iterator[ExplainedPlace]:
    for one in receipt.left if receipt else ():
        detail = f"to be emptied after {show_time(one.empty_after)}"
        yield ExplainedPlace(location=f"{one.place.sink}:{one.place.location}", state=PlaceState.LEFT, detail=detail)


def list_recorded(receipt: Receipt | None) -> Iterator[ExplainedPlace]:
    """Yield the places that a receipt names, of a key that is declared nowhere: nothing is asked about them."""
    for place in receipt.delivered if receipt else ():
        location = f"{place.sink}:{place.location}"
        yield ExplainedPlace(location=location, state=PlaceState.NOT_ASKED, detail="as the receipt says")
    yield from _list_left(receipt)


def describe_past(
    receipt: Receipt | None,
    intents: Iterable[Intent],
    keys: Iterable[Observation],
    applies: Iterable[PastEvent] = (),
) -> tuple[PastEvent, ...]:
    """Return what happened to the keys of an address, in time order; what has no time comes last."""
    events = [*_tell_receipt(receipt), *map(_tell_intent, intents), *applies]
    named = {event.key_id for event in events}
    for key in keys:
        events += _tell_key(key, is_named=key.id in named)
    return tuple(sorted(events, key=_rank))


def list_applies(entries: Iterable[HistoryEntry], address: Address) -> Iterator[PastEvent]:
    """Return what applies did to an address, as the history of the ledger has it."""
    return (event for named, event in _tell_applies(entries) if named == address)


def group_applies(entries: Iterable[HistoryEntry]) -> Mapping[Address, Sequence[PastEvent]]:
    """Return what `list_applies` yields of each address, from one look at the history."""
    grouped: defaultdict[Address, list[PastEvent]] = defaultdict(list)
    for address, event in _tell_applies(entries):
        grouped[address].append(event)
    return grouped


def _tell_applies(entries: Iterable[HistoryEntry]) -> Iterator[tuple[Address, PastEvent]]:
    for entry in entries:
        by = f" by {entry.author.name}" if entry.author and entry.author.name else ""
        how = f"plan {entry.digest[:12]}" if entry.digest else f"keyplan {entry.command}"
        for action in entry.actions:
            yield (
                Address(action.address),
                PastEvent(
                    at=entry.finished_at,
                    occurrence=Occurrence.APPLIED,
                    key_id=action.key_id,
                    detail=f"{action.verb} ({action.reason}): {action.status}{by}, {how}",
                ),
            )


def _tell_receipt(receipt: Receipt | None) -> Iterator[PastEvent]:
    if receipt is None:
        return
    places = ", ".join(f"{place.sink}:{place.location}" for place in receipt.delivered)
    yield PastEvent(
        at=receipt.delivered_at,
        occurrence=Occurrence.DELIVERED,
        key_id=receipt.key_id,
        detail=f"to {places}; generation {receipt.generation}" if places else f"generation {receipt.generation}",
    )
    for old in receipt.superseded:
        yield PastEvent(
            at=old.switched_at,
            occurrence=Occurrence.SUPERSEDED,
            key_id=old.key_id,
            detail=f"its overlap is over at {show_time(old.delete_after)}",
        )


def _tell_intent(intent: Intent) -> PastEvent:
    run = f" by {intent.runner.user} on {intent.runner.host}" if intent.runner else ""
    return PastEvent(
        at=intent.at,
        occurrence=Occurrence.BEGUN,
        key_id=intent.key_id,
        detail=f"{intent.verb}{run}, attempt {intent.attempts}; its end is not recorded",
    )


def _tell_key(key: Observation, *, is_named: bool) -> Iterator[PastEvent]:
    """Yield what the provider says of a key; of a dead one only if the ledger names it."""
    if not key.active and not is_named:
        return
    if key.created_at != UNKNOWN_TIME:
        by = f"by user {key.created_by}" if key.created_by else ""
        yield PastEvent(at=key.created_at, occurrence=Occurrence.CREATED, key_id=key.id, detail=by)
    if not key.active:
        yield PastEvent(at=None, occurrence=Occurrence.REVOKED, key_id=key.id)


def _rank(event: PastEvent) -> tuple[bool, str, int, str]:
    at = event.at.isoformat() if event.at else ""
    return event.at is None, at, _ORDER.index(event.occurrence), event.key_id or ""
