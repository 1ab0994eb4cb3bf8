"""Which renewals of a plan may wait, and which wave of a rollout each of them belongs to.

It follows from the plan and from receipts alone: every run, on any machine, goes on where the last one ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import TypeVar

from keyplan.model.identity import Address
from keyplan.model.limits import Rollout
from keyplan.model.manifest import Manifest
from keyplan.model.observation import Observation, Snapshot
from keyplan.model.plan import FreshPlan, PlannedAction, Reason, Verb
from keyplan.model.texts import digest_texts, selects
from keyplan.planner.evidence import lacking_slots
from keyplan.planner.schedule import next_rotation

_BY_TIME = (Reason.EXPIRING, Reason.TOO_OLD)
_BY_EDIT = (Reason.CHANGED, Reason.REQUESTED, Reason.ADOPTED)
_FURTHER_KEYS = (Reason.SUPERSEDED, Reason.OVERLAPPING, Reason.STILL_USED, Reason.LEFT)
"""Reasons of actions for old keys and places of a declaration, beside its own action."""
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The renewal of a key in use, as the queue of a rollout sees it."""

    address: Address
    expires_at: datetime | None
    """When the key ends that it renews."""
    delivered_at: datetime = _EARLIEST
    """Since when the key is in use."""
    group: str = ""
    is_canary: bool = False
    is_asked_for: bool = False
    """Whether the user named its address on the command line: then it waits for its group alone."""
    due_since: datetime | None = None
    """Since when time alone asks for it; None if an edit of the manifest or the user does."""

    @property
    def rank(self) -> tuple[bool, bool, datetime, datetime, Address]:
        """The place in the queue: what is due before edits, canaries first, then what expires first."""
        # An unattended run leaves edits to a user: they must not hold up what it may do.
        return self.due_since is None, not self.is_canary, self.expires_at or _LATEST, self.delivered_at, self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(Queued):
    """A planned renewal of a key that its consumers can go on to use, so that it may wait."""

    action: PlannedAction
    key: Observation
    """The one that it renews."""


_Waiting = TypeVar("_Waiting", bound=Queued)


def list_own_actions(plan: FreshPlan) -> dict[Address, PlannedAction]:
    """Return the own action of each declaration in the plan, without those for its old keys and places."""
    own: dict[Address, PlannedAction] = {}
    for action in plan.actions:
        # A lost key that is deleted beside its declaration's own action is not held by a consumer.
        is_beside = action.verb is Verb.DELETE or action.reason in _FURTHER_KEYS
        if action.basis.desired is not None and not is_beside:
            own.setdefault(action.address, action)
    return own


def choose_canaries(manifest: Manifest) -> frozenset[Address]:
    """Return the addresses whose keys change first; of a percentage, the same ones whatever else is declared."""
    rollout = manifest.rollout
    if rollout is None:
        return frozenset()
    addresses = frozenset(declared.address for declared in manifest.keys)
    if rollout.canary_percent:
        # By digest: spread over names and spaces, and nearly the same after one more declaration.
        ranked = sorted(addresses, key=lambda address: (digest_texts(address, ""), address))
        return frozenset(ranked[: -(-len(ranked) * rollout.canary_percent // 100)])
    return frozenset(
        address for address in addresses if any(selects(glob, address, addresses) for glob in rollout.canaries)
    )


def list_candidates(plan: FreshPlan, manifest: Manifest, snapshot: Snapshot) -> Iterator[Candidate]:
    """Yield the renewals that may wait, blocked ones included; unordered."""
    canaries = choose_canaries(manifest)
    known = frozenset(declared.address for declared in manifest.keys)
    for address, action in list_own_actions(plan).items():
        key = action.basis.key
        if key is None or not _may_wait(action, snapshot):
            continue
        declared, receipt = action.basis.wanted.declaration, action.basis.receipt
        yield Candidate(
            address=address,
            expires_at=key.expires_at,
            delivered_at=receipt.delivered_at if receipt else _EARLIEST,
            action=action,
            key=key,
            group=declared.group,
            is_canary=address in canaries,
            is_asked_for=any(selects(pattern, address, known) for pattern in plan.request.rotate),
            due_since=_find_due(action, key, snapshot) if action.reason in _BY_TIME else None,
        )


def _may_wait(action: PlannedAction, snapshot: Snapshot) -> bool:
    """Whether an action changes a key that works where its consumers read it, and that they can go on to use."""
    # What an earlier run began is finished at once: until then, some consumers may hold a dead key.
    if action.verb not in (Verb.REFRESH, Verb.REPLACE) or action.basis.intents:
        return False
    declared = action.basis.wanted.declaration
    # What a guard of the manifest holds back at every run does not take part in a rollout.
    if declared.protect or (action.basis.is_own_credential and not declared.may_rotate_itself):
        return False
    return action.reason in (*_BY_TIME, *_BY_EDIT) or goes_to_new_places(action, snapshot)


def goes_to_new_places(action: PlannedAction, snapshot: Snapshot) -> bool:
    """Whether a renewal is planned only because the manifest names places that never had the key."""
    basis, receipt = action.basis, action.basis.receipt
    if action.reason is not Reason.UNDELIVERED or basis.intents or basis.key is None or receipt is None:
        return False
    lacking = lacking_slots(basis.slots, snapshot, receipt)
    return receipt.key_id == basis.key.id and not any(receipt.entry_of(slot.delivered) for slot in lacking)


def _find_due(action: PlannedAction, key: Observation, snapshot: Snapshot) -> datetime | None:
    receipt = action.basis.receipt
    return next_rotation(action.basis.wanted.declaration, key, receipt, snapshot.now) if receipt else None


@dataclass(slots=True, kw_only=True)
class Queue:
    """Gives each renewal the first wave that has room for it, has none of its group, and comes after its canaries."""

    rollout: Rollout | None
    last_canary_at: datetime | None = None
    """When a canary was last delivered."""
    held_canaries: Sequence[Queued] = ()
    """Canaries that a guard blocks: while they do not change, those that are due with them wait."""
    busy_groups: Collection[str] = ()
    """Groups of which a key changes in this run anyhow."""
    _sizes: Counter[int] = field(default_factory=Counter, init=False)
    _groups: set[tuple[int, str]] = field(default_factory=set, init=False)
    _canaries: list[tuple[int, Queued]] = field(default_factory=list, init=False)

    def assign(self, candidates: Iterable[_Waiting]) -> list[tuple[int, _Waiting]]:
        """Return each candidate with its wave, from 0, in the order of the queue."""
        self._groups |= {(0, group) for group in self.busy_groups if group}
        self._canaries += [(0, one) for one in self.held_canaries]
        return [(self._place(one), one) for one in sorted(candidates, key=lambda one: one.rank)]

    def list_first(self, ranked: Iterable[_Waiting]) -> list[_Waiting]:
        """Return those that `assign` would give the first wave, of candidates that are sorted by their rank."""
        # For a calendar of many waves: a place for all the others would cost far more than the calendar.
        self._groups |= {(0, group) for group in self.busy_groups if group}
        canaries = list(self.held_canaries)
        first: list[_Waiting] = []
        for one in ranked:
            is_next = one.is_canary or one.is_asked_for or not any(self._goes_before(other, one) for other in canaries)
            if one.is_canary:
                canaries.append(one)
            if is_next and self._has_room(0, one):
                self._take(0, one)
                first.append(one)
        return first

    def _place(self, one: Queued) -> int:
        wave = next(wave for wave in count(self._find_earliest(one)) if self._has_room(wave, one))
        self._take(wave, one)
        if one.is_canary:
            self._canaries.append((wave, one))
        return wave

    def _take(self, wave: int, one: Queued) -> None:
        if not one.is_asked_for:
            self._sizes[wave] += 1
        if one.group:
            self._groups.add((wave, one.group))

    def _has_room(self, wave: int, one: Queued) -> bool:
        most = self.rollout.wave if self.rollout else None
        is_full = most is not None and self._sizes[wave] >= most and not one.is_asked_for
        return not is_full and (wave, one.group) not in self._groups

    def _find_earliest(self, one: Queued) -> int:
        if one.is_canary or one.is_asked_for:
            return 0
        return max((wave + 1 for wave, canary in self._canaries if self._goes_before(canary, one)), default=0)

    def _goes_before(self, canary: Queued, one: Queued) -> bool:
        """Whether a canary that has not changed yet has to change before another key.

        Edits and the calendar have rollouts of their own. Keys fall due all the time: one need not wait for canaries
        that fell due only after an earlier one had changed for it, or a stream of canaries would hold it for ever.
        """
        if canary.due_since is None or one.due_since is None:
            return canary.due_since is None and one.due_since is None
        last = self.last_canary_at
        return last is None or last < one.due_since or canary.due_since <= last
