"""Try again, together: backoff with a deadline, and one gate that every request to a provider passes.

In: attempts, and a judge that tells which results may be repeated. Out: the last result. Never: an own
clock or own chance, or two threads that ignore what the provider asked of the third.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

import tenacity

from keyplan.ports import Clock

ResultT = TypeVar("ResultT")

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_MEASURED = timedelta(seconds=1)
_SLOWEST_PER_SECOND = 0.5
_SLOWING_FACTOR = 0.7
_QUICKENING_PER_SECOND = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often an attempt is repeated."""

    first: timedelta = timedelta(seconds=0.5)
    """Upper bound of the first wait; it doubles with each attempt. The wait itself is drawn below it."""
    longest: timedelta = timedelta(seconds=20)
    """Upper bound of any wait that the provider didn't ask for."""
    longest_pause: timedelta = timedelta(seconds=60)
    """Upper bound of any wait that the provider asked for."""
    deadline: timedelta = timedelta(seconds=120)
    """From the first attempt; none begins later."""
    attempts: int = 6
    """Of a failing attempt. Where the provider asks to slow down only the deadline counts."""

    def bound(self, attempt_number: int) -> timedelta:
        """Return the longest wait after that attempt; the first has number 1."""
        # 65,536 times anything sensible is beyond `longest`; without the bound the product would overflow.
        return min(self.longest, self.first * (1 << min(attempt_number - 1, 16)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A judge's word that an attempt may be repeated."""

    throttled: bool = False
    """Whether the provider asked for less: all its requests pause and then start further apart."""
    retry_after: timedelta | None = None
    """How long it asked to wait."""


class Pace:
    """How far apart requests start: not at all, until the provider complains.

    Then additive increase, multiplicative decrease, as in TCP (RFC 5681 3.1), starting from what the
    provider took during the last second. It holds no lock and no clock: a `Gate` brings both.
    """

    def __init__(self) -> None:
        self.generation = 0
        """Counts complaints. Requests that started before the last one complain of a pace already left."""
        self._per_second: float | None = None
        self._free_from = _LONG_AGO
        self._paused_until = _LONG_AGO
        self._taken: deque[datetime] = deque()

    def next_start(self, now: datetime) -> datetime:
        """Return when the next request may start."""
        return max(now, self._free_from, self._paused_until)

    def pause_left(self, now: datetime) -> timedelta:
        """Return how long nothing may start, zero where it may."""
        return max(timedelta(0), self._paused_until - now)

    def reserve(self, start: datetime) -> None:
        """Note that a request starts then; the next one keeps its distance."""
        if self._per_second is not None:
            self._free_from = start + timedelta(seconds=1 / self._per_second)

    def quicken(self, now: datetime) -> None:
        """Note that the provider took a request."""
        if self._per_second is not None:
            self._per_second += _QUICKENING_PER_SECOND
            return
        self._taken.append(now)
        self._drop_old(now)

    def slow_down(self, generation: int, now: datetime, pause: timedelta) -> None:
        """Note that the provider refused a request that had started in `generation`."""
        self._paused_until = max(self._paused_until, now + pause)
        if generation != self.generation:
            return
        self.generation += 1
        self._drop_old(now)
        per_second = self._per_second or max(1.0, len(self._taken) / _MEASURED.total_seconds())
        self._per_second = max(_SLOWEST_PER_SECOND, per_second * _SLOWING_FACTOR)

    def _drop_old(self, now: datetime) -> None:
        while self._taken and self._taken[0] <= now - _MEASURED:
            self._taken.popleft()


class Gate:
    """Where all threads wait for their turn at one provider."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pace = Pace()
        self._lock = threading.Lock()

    def enter(self, *, until: datetime) -> int | None:
        """Wait for a turn; return its generation, or None where there is none until then."""
        while True:
            with self._lock:
                now = self._clock.now()
                start = self._pace.next_start(now)
                if start > until:
                    return None
                self._pace.reserve(start)
            if start > now:
                self._clock.sleep(start - now)
            with self._lock:
                # Somebody may have been told to wait while this thread slept.
                if not self._pace.pause_left(self._clock.now()):
                    return self._pace.generation

    def taken(self) -> None:
        """Tell that the provider took a request."""
        with self._lock:
            self._pace.quicken(self._clock.now())

    def refused(self, generation: int, *, pause: timedelta) -> None:
        """Tell that the provider asked for less; everybody waits that long and goes on slower."""
        with self._lock:
            self._pace.slow_down(generation, self._clock.now(), pause)

    def paused_for(self) -> timedelta:
        """Return how long nobody is let in, zero where somebody is."""
        with self._lock:
            return self._pace.pause_left(self._clock.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrier:
    """Repeats attempts at one provider; shared by all threads that talk to it."""

    clock: Clock
    jitter: Callable[[float], float]
    """Return a random number between 0 and the argument, uniformly."""
    gate: Gate
    patience: Patience = field(default_factory=Patience)

    def persist(self, attempt: Callable[[], ResultT], judge: Callable[[ResultT], Again | None]) -> ResultT | None:
        """Return the first result that is not to be repeated, or the last one when patience is over.

        None where the provider kept everybody waiting, so that no attempt was made at all.
        """
        deadline = self.clock.now() + self.patience.deadline
        result: ResultT | None = None
        for turn in self._turns(deadline):
            generation = self.gate.enter(until=deadline)
            if generation is None:
                break
            result = attempt()
            again = judge(result)
            if again is None:
                self.gate.taken()
                break
            if again.throttled:
                self.gate.refused(generation, pause=self._pause(again, turn.retry_state.attempt_number))
            turn.retry_state.set_result(again)
        return result

    def _turns(self, deadline: datetime) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_always,
            wait=self._wait_seconds,
            stop=lambda state: self._is_over(state, deadline),
            sleep=lambda seconds: self.clock.sleep(timedelta(seconds=seconds)),
            retry_error_callback=lambda _: None,
        )

    def _pause(self, again: Again, attempt_number: int) -> timedelta:
        if again.retry_after is None:
            return self.patience.bound(attempt_number)
        return min(again.retry_after, self.patience.longest_pause)

    def _wait_seconds(self, state: tenacity.RetryCallState) -> float:
        if _again_of(state).throttled:
            return self.gate.paused_for().total_seconds()
        return self.jitter(self.patience.bound(state.attempt_number).total_seconds())

    def _is_over(self, state: tenacity.RetryCallState, deadline: datetime) -> bool:
        is_too_often = not _again_of(state).throttled and state.attempt_number >= self.patience.attempts
        return is_too_often or self.clock.now() + timedelta(seconds=state.upcoming_sleep) > deadline


def _again_of(state: tenacity.RetryCallState) -> Again:
    # tenacity asks for wait and stop only after an attempt, whose outcome `persist` has set.
    return cast(Again, cast(tenacity.Future, state.outcome).result())
