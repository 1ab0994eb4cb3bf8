"""Rolls renewals out gently: canaries first, then wave after wave, and never two keys of a group in one run.

What has to wait becomes a kept key that says for what. A key that would end before its turn does not wait: no rollout
may leave a consumer without a working key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from keyplan.model.basis import DeleteBasis, OldKeyBasis, WaitBasis
from keyplan.model.identity import Address
from keyplan.model.limits import Rollout
from keyplan.model.manifest import Manifest
from keyplan.model.observation import LARGEST_SKEW, Observation, Snapshot
from keyplan.model.plan import FreshPlan, PlannedAction, Reason, Turn, Verb
from keyplan.model.receipt import CLOCK_SKEW, Receipt
from keyplan.model.times import show_time, write_duration
from keyplan.planner.guards import DELIVERED_ALREADY
from keyplan.planner.plan import sort_key
from keyplan.planner.waves import (
    Candidate,
    Queue,
    choose_canaries,
    goes_to_new_places,
    list_candidates,
    list_own_actions,
)

RESERVE = timedelta(days=1)
"""A key whose end, less its overlap, is nearer than this does not wait: the next run may be tomorrow's."""
_LOST = (Reason.GONE, Reason.ROTATED_ELSEWHERE, Reason.UNDELIVERED, Reason.UNSEEN)
"""Reasons that say of a key that was in order that it no longer is."""
_MOST_NAMED = 3
_ZERO = timedelta(0)


def apply_rollout(plan: FreshPlan, manifest: Manifest, snapshot: Snapshot) -> FreshPlan:
    """Return the plan, in which each renewal whose turn has not come is a kept key that waits.

    It waits neither for what the user asked to end at once, nor if its key would end meanwhile.
    """
    if manifest.rollout is None and not any(declared.group for declared in manifest.keys):
        return plan
    if plan.request.names_keys:  # a leak: nothing may hold its answer
        return plan
    everything = list(list_candidates(plan, manifest, snapshot))
    candidates = [one for one in everything if one.action.blocked is None]
    if not candidates:
        return plan
    state = RolloutState.of(plan, manifest, snapshot)
    free = [one for one in candidates if _goes_at_once(one, plan, snapshot.now)]
    queue = Queue(
        rollout=manifest.rollout,
        last_canary_at=state.last_canary_at,
        held_canaries=[one for one in everything if one.is_canary and one.action.blocked],
        busy_groups={*state.busy_groups, *(one.group for one in free)},
    )
    queued = queue.assign(one for one in candidates if one not in free)
    return _write(plan, _Schedule(manifest.rollout, state, snapshot.now, queued), free)


def _goes_at_once(one: Candidate, plan: FreshPlan, now: datetime) -> bool:
    """Whether a renewal waits for nothing: its key leaked, or ends before another run can be relied on."""
    if one.is_asked_for and plan.request.now:
        return True
    # Its consumers need the overlap to move over, so the old key has to live that much longer than the switch.
    return one.expires_at is not None and one.expires_at - one.action.overlap - RESERVE <= now


# What the keys that changed before say.


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """What holds the next wave: changes that did not end well, and those that are still to prove themselves."""

    faults: tuple[Address, ...]
    """Declarations whose last change failed or broke, sorted; none without a rollout."""
    unsettled: Mapping[Address, datetime]
    """Declarations that changed lately and were not seen used since, and until when that holds the next wave."""
    busy_groups: frozenset[str]
    last_canary_at: datetime | None
    shows_last_use: bool

    @classmethod
    def of(cls, plan: FreshPlan, manifest: Manifest, snapshot: Snapshot) -> RolloutState:
        """Return what the snapshot shows of the changes of earlier runs."""
        own, canaries, rollout = list_own_actions(plan), choose_canaries(manifest), manifest.rollout
        receipts = _find_receipts(own, manifest, snapshot)
        pause = rollout.pause if rollout else _ZERO
        faults = [
            address
            for address, action in own.items()
            if _is_fault(action, snapshot, is_canary=address in canaries, pause=pause)
        ]
        keys = {key.id: key for key in snapshot.keys}
        unsettled = {
            address: receipt.delivered_at + pause
            for address, receipt in receipts.items()
            if (receipt.renewed or address in canaries)
            and receipt.delivered_at + pause > snapshot.now
            and not is_seen_used(keys.get(receipt.key_id), receipt, snapshot)
        }
        return cls(
            faults=tuple(sorted(faults)) if rollout else (),
            unsettled=unsettled if rollout else {},
            busy_groups=frozenset(_find_busy_groups(own.values(), faults)),
            last_canary_at=max((receipts[one].delivered_at for one in canaries if one in receipts), default=None),
            shows_last_use=all(laws.shows_last_use for laws in (snapshot.laws, *snapshot.further_laws.values())),
        )


def _find_receipts(
    own: Mapping[Address, PlannedAction], manifest: Manifest, snapshot: Snapshot
) -> Mapping[Address, Receipt]:
    """Return the receipt of each declaration that has one; of those that are not targets, the ledger's."""
    declared = {one.address for one in manifest.keys}
    recorded = {receipt.address: receipt for receipt in snapshot.receipts if receipt.address in declared}
    planned = {address: action.basis.receipt for address, action in own.items() if action.basis.receipt}
    return dict(sorted({**recorded, **planned}.items()))


def is_seen_used(key: Observation | None, receipt: Receipt, snapshot: Snapshot) -> bool:
    """Whether a consumer certainly used a key since it was delivered; keyplan's own verification does not count."""
    if key is None or key.last_used_at is None or not snapshot.laws_of(key.provider).shows_last_use:
        return False
    # By a clock that is far off, the use may be our own verification.
    if snapshot.clock_skew is not None and abs(snapshot.clock_skew) > LARGEST_SKEW:
        return False
    # The verification comes before the delivery, or right after it; the provider's clock made two of these times.
    known_by = max(receipt.delivered_at, receipt.created_at) + CLOCK_SKEW
    return known_by < key.last_used_at <= snapshot.now + CLOCK_SKEW


def _is_fault(action: PlannedAction, snapshot: Snapshot, *, is_canary: bool, pause: timedelta) -> bool:
    """Whether the last change of a key in use did not end, or ended badly."""
    basis, receipt = action.basis, action.basis.receipt
    if action.verb is Verb.KEEP or goes_to_new_places(action, snapshot):
        return False
    if basis.intents or action.reason is Reason.UNFINISHED:
        # The first key of a declaration changes nothing for consumers.
        return receipt is not None or any(intent.key_id for intent in basis.intents)
    if receipt is None or action.reason not in _LOST:
        return False
    is_recent = receipt.renewed and receipt.delivered_at + pause > snapshot.now
    return is_canary or is_recent


def _find_busy_groups(actions: Iterable[PlannedAction], faults: list[Address]) -> Iterator[str]:
    """Yield the groups of which a key is being replaced or recovered already: the others are what consumers have."""
    for action in actions:
        group = action.basis.wanted.declaration.group
        is_recovered = action.stores_raw_key and action.reason in (*_LOST, Reason.EXPIRED, Reason.UNFINISHED)
        if group and (action.address in faults or (is_recovered and action.basis.receipt is not None)):
            yield group


# What follows for the plan.


@dataclass(frozen=True, slots=True)
class _Schedule:
    """Each renewal that may have to wait, with its wave, and when the waves start."""

    rollout: Rollout | None
    state: RolloutState
    now: datetime
    queued: list[tuple[int, Candidate]]

    @property
    def is_held(self) -> bool:
        """Whether no wave may start in this run."""
        return bool(self.state.faults or self.state.unsettled)

    @property
    def waves(self) -> int:
        """How many waves there are."""
        return 1 + max((wave for wave, _ in self.queued), default=0)

    def starts(self, wave: int, one: Candidate) -> bool:
        """Whether a renewal of this wave is done by this run."""
        return wave == 0 and (one.is_asked_for or not self.is_held)

    def find_instant(self, wave: int) -> datetime:
        """Return when a wave starts if each one takes its whole pause."""
        first = max([self.now, *self.state.unsettled.values()])
        return first + wave * (self.rollout.pause if self.rollout else _ZERO)

    def find_not_before(self, wave: int) -> datetime | None:
        """Return when a wave starts at the latest, where receipts alone say so."""
        is_known = wave == 0 and self.state.unsettled and not self.state.faults
        return max(self.state.unsettled.values()) if is_known else None

    def explain(self, wave: int) -> str:
        """Return what a wave waits for."""
        seen_used = ", or until their keys are seen in use" if self.state.shows_last_use else ""
        if wave:
            settled = ""
            if self.rollout and self.rollout.pause:
                used = " or its keys are seen in use" if self.state.shows_last_use else ""
                settled = f", once {write_duration(self.rollout.pause)} have passed{used}"
            return f"it starts in a later run than wave {wave}{settled}"
        if self.state.faults:
            return f"the last change of {_name(self.state.faults)} did not end well: it starts once that is in order"
        until = show_time(max(self.state.unsettled.values()))
        return f"{_name(list(self.state.unsettled))} changed just now: it starts at {until}{seen_used}"


def _name(addresses: Iterable[Address]) -> str:
    known = list(addresses)
    named = ", ".join(known[:_MOST_NAMED])
    return f"{named} and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else named


def _write(plan: FreshPlan, schedule: _Schedule, free: list[Candidate]) -> FreshPlan:
    """Return the plan with what waits, and with notes at what does not."""
    turned = {id(one.action): _wait(one, wave, schedule) for wave, one in schedule.queued}
    turned |= {id(one.action): _note(one.action, _describe_haste(one)) for one in free if schedule.rollout}
    waiting = {one.address: one for one in turned.values() if one.reason is Reason.WAITING}
    actions = (_hold_old_key(turned.get(id(action), action), waiting) for action in plan.actions)
    # Kept keys stand at the end of a plan.
    return replace(
        plan,
        actions=tuple(sorted(actions, key=sort_key)),
        warnings=tuple(sorted((*plan.warnings, *_warn(schedule)))),
    )


def _wait(one: Candidate, wave: int, schedule: _Schedule) -> PlannedAction:
    """Return the action as it is in this run: itself if its turn has come, else one that keeps the key."""
    action, basis = one.action, one.action.basis
    if schedule.starts(wave, one):
        if not schedule.rollout or one.is_asked_for:
            return action
        canary = ", a canary" if one.is_canary else ""
        return _note(action, f"wave 1 of {schedule.waves} of the rollout{canary}")
    turn = Turn(
        verb=action.verb,
        reason=action.reason,
        wave=wave + 1,
        waves=schedule.waves,
        not_before=schedule.find_not_before(wave),
    )
    return PlannedAction(
        address=action.address,
        verb=Verb.KEEP,
        reason=Reason.WAITING,
        key_id=action.key_id,
        before=action.before,
        after=action.after,
        changes=action.changes,
        explanation=schedule.explain(wave),
        turn=turn,
        place=action.place,
        basis=WaitBasis(
            desired=basis.wanted,
            key=one.key,
            receipt=basis.receipt,
            superseded=basis.superseded,
            slots=basis.slots,
            is_recorded=basis.is_recorded,
            is_own_credential=basis.is_own_credential,
            overlap=action.overlap,
            at=schedule.find_instant(wave),
        ),
    )


def _note(action: PlannedAction, note: str) -> PlannedAction:
    return replace(action, notes=(*action.notes, note))


def _describe_haste(one: Candidate) -> str:
    why = f"its key ends at {show_time(one.expires_at)}" if one.expires_at else "the user asked for it"
    return f"it does not wait for its wave: {why}"


def _hold_old_key(action: PlannedAction, waiting: Mapping[Address, PlannedAction]) -> PlannedAction:
    """Return the action, which keeps an old key whose end was planned beside a renewal that waits now."""
    held = waiting.get(action.address)
    if held is None or action.reason is not Reason.SUPERSEDED or not isinstance(action.basis, DeleteBasis):
        return action
    if held.next_turn.reason in DELIVERED_ALREADY:
        return action
    return replace(
        action,
        verb=Verb.KEEP,
        reason=Reason.OVERLAPPING,
        explanation="works until the new key is in every sink, and that waits for its turn",
        basis=OldKeyBasis(desired=action.basis.desired, key=action.basis.key, is_recorded=action.basis.is_recorded),
    )


def _warn(schedule: _Schedule) -> Iterator[str]:
    """Yield which keys would end before their turn: they will go ahead then, all in one run."""
    late = [
        one.address
        for wave, one in schedule.queued
        if wave and one.expires_at and schedule.find_instant(wave) >= one.expires_at - one.action.overlap - RESERVE
    ]
    if late:
        yield (
            f"rollout: the turn of {_name(sorted(late))} comes too late, so that they will not wait for it when their "
            "end is near: raise wave, shorten pause, or rotate earlier"
        )
