"""When the keys of a manifest with a rollout are renewed, if an apply runs whenever something falls due.

It decides with the queue of `waves`, as each of these applies will, and supposes that no key is seen in use: each wave
takes its whole pause.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heappush
from operator import attrgetter

from keyplan.model.basis import IssueBasis, WaitBasis
from keyplan.model.calendar import Event
from keyplan.model.identity import Address
from keyplan.model.limits import Rollout
from keyplan.model.manifest import Manifest
from keyplan.model.observation import Snapshot
from keyplan.model.plan import FreshPlan, PlannedAction, Reason
from keyplan.planner.key_future import KeyLine
from keyplan.planner.rollout import RESERVE, RolloutState
from keyplan.planner.waves import Queue, Queued, choose_canaries, list_candidates, list_own_actions

_WAITED = "its turn in the rollout comes then"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready(Queued):
    """A line whose renewal is due, or was when the plan was made."""

    line: KeyLine
    ready_at: datetime
    hurries_at: datetime | None
    """When it waits no longer, because its key is about to end."""


@dataclass(slots=True, kw_only=True)
class RolloutForecast:
    """Renews lines at the instants at which applies of a rollout would renew them."""

    rollout: Rollout | None
    """None if there are only groups: then nothing holds the next run."""
    canaries: frozenset[Address]
    held_canaries: tuple[Queued, ...]
    opens_at: datetime | None
    """When the next wave may start; None if a fault that no apply repairs holds it."""
    last_canary_at: datetime | None
    until: datetime
    _due: list[tuple[datetime, Address, KeyLine]] = field(default_factory=list, init=False)
    _ready: list[_Ready] = field(default_factory=list, init=False)
    """Sorted by rank."""
    _hurries: list[tuple[datetime, Address]] = field(default_factory=list, init=False)

    @classmethod
    def of(cls, plan: FreshPlan, manifest: Manifest, snapshot: Snapshot, until: datetime) -> RolloutForecast | None:
        """Return the forecast of a guarded plan; None if the manifest has neither a rollout nor a group."""
        if manifest.rollout is None and not any(declared.group for declared in manifest.keys):
            return None
        state, canaries, now = RolloutState.of(plan, manifest, snapshot), choose_canaries(manifest), snapshot.now
        own = list_own_actions(plan)
        changed = {address for address, action in own.items() if _changes_key_in_use(action, canaries)}
        # Blocked once means blocked at every later run, too.
        is_held = any(own[address].blocked for address in state.faults)
        opens_at = max([now, *state.unsettled.values()])
        if manifest.rollout and changed:
            opens_at = max(opens_at, now + manifest.rollout.pause)
        return cls(
            rollout=manifest.rollout,
            canaries=canaries,
            held_canaries=tuple(
                one for one in list_candidates(plan, manifest, snapshot) if one.is_canary and one.action.blocked
            ),
            opens_at=None if is_held else opens_at,
            last_canary_at=now if changed & canaries else state.last_canary_at,
            until=until,
        )

    def follow(self, lines: Iterable[KeyLine]) -> Iterator[Event]:
        """Yield what becomes of the keys of these lines and of their successors."""
        for line in lines:
            yield from self._await(line)
        now = self._next_instant(None)
        while now is not None and now <= self.until:
            while self._due and self._due[0][0] <= now:
                _, _, line = heappop(self._due)
                self._enqueue(line, now)
            # With no pause between waves, the next apply starts at once.
            while started := self._start(now):
                for one in started:
                    yield from self._renew(one, now)
            now = self._next_instant(now)

    def _await(self, line: KeyLine) -> Iterator[Event]:
        """Wait until a line falls due. Yields the end of its key if it never does."""
        if line.waiting:
            heappush(self._due, (line.now, line.address, line))
        elif due := line.future.find_due(line.key, line.receipt, line.now):
            heappush(self._due, (max(due.at, line.now), line.address, line))
        else:
            yield from line.future.end_key(line.key)

    def _enqueue(self, line: KeyLine, now: datetime) -> None:
        waiting = line.waiting
        due = line.future.find_due(line.key, line.receipt, line.now)
        is_edit = waiting is not None and waiting.next_turn.reason not in (Reason.EXPIRING, Reason.TOO_OLD)
        if waiting and isinstance(waiting.basis, WaitBasis):
            overlap = waiting.basis.overlap
        else:
            overlap = line.future.choose(line.key, line.receipt, now).overlap
        ends_at = line.key.expires_at
        ready = _Ready(
            address=line.address,
            expires_at=ends_at,
            delivered_at=line.receipt.delivered_at,
            group=line.future.desired.declaration.group,
            is_canary=line.address in self.canaries,
            due_since=None if is_edit or due is None else due.at,
            line=line,
            ready_at=now,
            hurries_at=ends_at - overlap - RESERVE if ends_at else None,
        )
        insort(self._ready, ready, key=attrgetter("rank"))
        if ready.hurries_at:
            heappush(self._hurries, (ready.hurries_at, ready.address))

    def _start(self, now: datetime) -> list[_Ready]:
        """Return the renewals that an apply at `now` does, and take them out of the queue."""
        free = [one for one in self._ready if one.hurries_at and one.hurries_at <= now]
        started = list(free)
        if self.opens_at is not None and self.opens_at <= now:
            queue = Queue(
                rollout=self.rollout,
                last_canary_at=self.last_canary_at,
                held_canaries=self.held_canaries,
                busy_groups={one.group for one in free},
            )
            started += queue.list_first(one for one in self._ready if one not in free)
        if started:
            gone = {one.address for one in started}
            self._ready = [one for one in self._ready if one.address not in gone]
            self._hurries = [one for one in self._hurries if one[1] not in gone]
            heapify(self._hurries)
            self._settle(gone, now)
        return started

    def _settle(self, changed: set[Address], now: datetime) -> None:
        """Hold the next wave until these changes have proved themselves."""
        if changed & self.canaries:
            self.last_canary_at = now
        if self.rollout and self.opens_at is not None:
            self.opens_at = max(self.opens_at, now + self.rollout.pause)

    def _renew(self, one: _Ready, now: datetime) -> Iterator[Event]:
        """Yield the renewal of a line, and wait for the next one."""
        line = one.line
        renewal = line.renew(now, note=_WAITED if now > one.ready_at else "")
        yield from renewal.events
        line.key, line.receipt = renewal.key, renewal.receipt
        line.waiting, line.now = None, now
        yield from self._await(line)

    def _next_instant(self, now: datetime | None) -> datetime | None:
        """Return when the next apply has something to do; None if none has."""
        instants = [self._due[0][0]] if self._due else []
        if self._ready and self.opens_at is not None and (now is None or self.opens_at > now):
            instants.append(self.opens_at)
        if self._hurries:
            instants.append(self._hurries[0][0])
        return min(instants, default=None)


def _changes_key_in_use(action: PlannedAction, canaries: frozenset[Address]) -> bool:
    """Whether an action of the plan is a change that holds the next wave."""
    basis = action.basis
    if action.blocked or not isinstance(basis, IssueBasis):
        return False
    is_renewed = basis.receipt is not None or (basis.key is not None and action.reason is not Reason.UNFINISHED)
    return is_renewed or action.address in canaries
