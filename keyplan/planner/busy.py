"""Other runs that are at work on a declaration right now: the guard `busy` of docs/planning.md.

A live intent stops its own address and nothing else, and only until its lease is over: a user who can write a place may
hold up that place, as with any claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from keyplan.model.intent import Intent
from keyplan.model.manifest import DEFAULT_LEASE
from keyplan.model.observation import Exclusion, Observation, Slot, Snapshot
from keyplan.model.plan import Guard, PlannedAction, Reason
from keyplan.model.times import show_time, write_duration
from keyplan.planner.actions import block, create
from keyplan.planner.case import Case


def find_live_intents(slots: Iterable[Slot], snapshot: Snapshot, recorded: Iterable[Intent]) -> tuple[Intent, ...]:
    """Return the intents of runs that may be at work on an address with these slots, oldest first.

    `recorded` are those that the ledger has of the address.
    """
    known = tuple(recorded)
    found = {
        (intent.id, intent.run): intent
        for intent in _iter_live(slots, snapshot, known)
        if not _has_ended(intent, known, snapshot)
    }
    return tuple(sorted(found.values(), key=lambda intent: (intent.at, intent.id, intent.run)))


def hold_busy(case: Case, action: PlannedAction) -> PlannedAction:
    """Return the action, blocked while another run is at work on its address."""
    if action.blocked:
        return action
    if not case.busy:
        young = _find_young_key(case)
        return _hold_for_key(case, action, young) if young else action
    intent = case.busy[-1]
    runner = intent.runner
    who = f"{runner.user} on {runner.host}: {runner.command}" if runner else "another run"
    return _block(
        case,
        action,
        f"another run is changing this address ({who}, since {show_time(intent.at)}): wait for it with --lock-timeout; "
        "if it was killed, the next run finishes what it began once its lease is over",
    )


def _find_young_key(case: Case) -> Observation | None:
    """Return a key that another run may be about to deliver, although no place can say so; None if there is none.

    Once it is older than a lease, its run has delivered it or is over, and it is recovered.
    """
    snapshot, owned = case.snapshot, case.owned
    # True of nearly every declaration: it has its current key and no other.
    if not owned.newer and not owned.older:
        return None
    # A place that compares would bear the intent of such a run; on another machine it is another place.
    if snapshot.exclusion is Exclusion.ALL or any(snapshot.abilities[slot.sink].compares for slot in case.slots):
        return None
    known = {*owned.superseded, *owned.delivered_once, *([owned.current.id] if owned.current else [])}
    for key in owned.alive:
        is_ours = any(intent.could_have_made(key.id, key.created_at) for intent in owned.intents)
        is_unknown = key.marker is not None and key.id not in known and not is_ours
        if is_unknown and key.created_at + DEFAULT_LEASE > case.now:
            return key
    return None


def _hold_for_key(case: Case, action: PlannedAction, key: Observation) -> PlannedAction:
    return _block(
        case,
        action,
        f"key {key.id} was made less than {write_duration(DEFAULT_LEASE)} ago, and no run is known here that made it: "
        "another run may be about to deliver it. Try again in a minute, or wait with --lock-timeout",
    )


def _block(case: Case, action: PlannedAction, advice: str) -> PlannedAction:
    # A create without a key of its own, as for every declaration whose state can't be known: it changes at any moment.
    held = replace(create(case, Reason.UNFINISHED), key_id=action.key_id, before=action.before)
    return block(held, Guard.BUSY, advice)


def _iter_live(slots: Iterable[Slot], snapshot: Snapshot, recorded: tuple[Intent, ...]) -> Iterator[Intent]:
    for slot in slots:
        held = snapshot.holdings.get(slot)
        # Of another manifest's mark, and of a claim that isn't believed, nothing is known that counts.
        if held and held.intent and held.owner is None and held.intent.is_live(snapshot.now, held.intent_age):
            yield held.intent
    yield from (intent for intent in recorded if intent.is_live(snapshot.now))


def _has_ended(intent: Intent, recorded: tuple[Intent, ...], snapshot: Snapshot) -> bool:
    """Whether the ledger shows that the run of an intent is over."""
    for known in recorded:
        if known.is_same_attempt(intent):
            # A run that holds the ledger's lock is alone with this ledger: the run of this intent has ended.
            return snapshot.exclusion is not Exclusion.NONE or known.until is None
    return False
