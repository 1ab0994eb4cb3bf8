"""Repeats attempts: backoff with jitter and a deadline, and one gate that all requests to a provider pass.

Clock and randomness are parameters, so that tests need no real time. If a server asks one thread to slow down, all
threads that share its gate must slow down.
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
_RATE_WINDOW = timedelta(seconds=1)
"""A pace starts from the number of requests that the provider accepted during this time."""
_MIN_PER_SECOND = 0.5
_DECREASE_FACTOR = 0.7
"""At most one request in twenty is refused under a steady rate limit; a test simulates that."""
_INCREASE_PER_SECOND = 0.02
"""Added for each accepted request."""
_MINUTE = timedelta(minutes=1)
_WORTH_SAYING = timedelta(seconds=5)
"""A shorter wait is over before a user wonders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The limits within which an attempt is repeated."""

    first: timedelta = timedelta(seconds=0.5)
    """Upper bound of the first wait; it doubles with each attempt. The wait itself is a random part of it."""
    longest: timedelta = timedelta(seconds=20)
    """Upper bound of a wait for which the provider named no time."""
    longest_pause: timedelta = timedelta(seconds=60)
    """Upper bound of a wait for which the provider named a time."""
    deadline: timedelta = timedelta(seconds=120)
    """Counted from the first attempt; no attempt begins later."""
    slow_deadline: timedelta | None = None
    """In place of `deadline` once the provider named, or its limit needs, a pause of a minute or more."""
    attempts: int = 6
    """How often a failing request is sent. While the provider throttles, only the deadline counts."""

    def limit(self, longest_asked: timedelta) -> timedelta:
        """Return the deadline, given the longest pause that the provider asked for."""
        return self.slow_deadline if self.slow_deadline and longest_asked >= _MINUTE else self.deadline

    def bound(self, attempt_number: int) -> timedelta:
        """Return the longest wait after that attempt; the first has number 1."""
        # Bounded, or the product would overflow; 65,536 times the first wait is beyond `longest` anyway.
        return min(self.longest, self.first * (1 << min(attempt_number - 1, 16)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The decision that an attempt may be repeated."""

    throttled: bool = False
    """Whether the provider throttles: all requests to it pause, and then start further apart."""
    retry_after: timedelta | None = None
    """How long the provider asked to wait."""
    at_least: timedelta = timedelta(0)
    """How long its limit needs if it asked for no time; doubles with each attempt."""


class Pace:
    """The distance between the starts of requests: none until the provider throttles for the first time.

    From then on it is additive increase, multiplicative decrease, as in TCP (RFC 5681 3.1), starting from the rate that
    the provider accepted during the last second. Not safe for threads: a `Gate` holds the lock and the clock.
    """

    def __init__(self) -> None:
        self.generation = 0
        """How often the pace was decreased. A refusal of a request from an earlier generation is about an old pace."""
        self.longest_asked = timedelta(0)
        """Longest pause so far."""
        self._per_second: float | None = None
        self._free_from = _LONG_AGO
        self._paused_until = _LONG_AGO
        self._accepted: deque[datetime] = deque()

    def next_start(self, now: datetime) -> datetime:
        """Return when the next request may start."""
        return max(now, self._free_from, self._paused_until)

    def pause_left(self, now: datetime) -> timedelta:
        """Return how long no request may start; zero if one may."""
        return max(timedelta(0), self._paused_until - now)

    def reserve(self, start: datetime) -> None:
        """Record that a request starts then, so that the next one keeps its distance."""
        if self._per_second is not None:
            self._free_from = start + timedelta(seconds=1 / self._per_second)

    def increase(self, now: datetime) -> None:
        """Record that the provider accepted a request."""
        if self._per_second is not None:
            self._per_second += _INCREASE_PER_SECOND
            return
        self._accepted.append(now)
        self._drop_old(now)

    def decrease(self, generation: int, now: datetime, pause: timedelta) -> None:
        """Record that the provider throttled a request that had started in `generation`."""
        self.longest_asked = max(self.longest_asked, pause)
        self._paused_until = max(self._paused_until, now + pause)
        # A burst of refusals counts once: the requests were all sent at the pace that is being left.
        if generation != self.generation:
            return
        self.generation += 1
        self._drop_old(now)
        per_second = self._per_second or max(1.0, len(self._accepted) / _RATE_WINDOW.total_seconds())
        self._per_second = max(_MIN_PER_SECOND, per_second * _DECREASE_FACTOR)

    def _drop_old(self, now: datetime) -> None:
        while self._accepted and self._accepted[0] <= now - _RATE_WINDOW:
            self._accepted.popleft()


class Gate:
    """Admits the requests of all threads to one provider, at the provider's pace. Safe for threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pace = Pace()
        self._lock = threading.Lock()

    def enter(self, *, until: datetime) -> int | None:
        """Wait until a request may start and return its generation; None if it may not start before `until`."""
        while True:
            with self._lock:
                now = self._clock.now()
                start = self._pace.next_start(now)
                if start > until:
                    return None
                # Reserved before the wait, so that threads that wait at the same time get different starts.
                self._pace.reserve(start)
            if start > now:
                self._clock.sleep(start - now)
            with self._lock:
                # Another thread may have been throttled while this one slept.
                if not self._pace.pause_left(self._clock.now()):
                    return self._pace.generation

    def accepted(self) -> None:
        """Record that the provider accepted a request."""
        with self._lock:
            self._pace.increase(self._clock.now())

    def throttled(self, generation: int, *, pause: timedelta) -> bool:
        """Record that the provider throttled a request: all threads wait that long, and then go on slower.

        Returns whether it is the first such refusal since the pace was last decreased.
        """
        with self._lock:
            is_first = generation == self._pace.generation
            self._pace.decrease(generation, self._clock.now(), pause)
            return is_first

    def longest_asked(self) -> timedelta:
        """Return the longest pause that the provider asked for so far."""
        with self._lock:
            return self._pace.longest_asked

    def paused_for(self) -> timedelta:
        """Return how long no request is admitted; zero if one is."""
        with self._lock:
            return self._pace.pause_left(self._clock.now())


def _say_nothing(_text: str) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrier:
    """Repeats requests to one provider; shared by all threads that send them."""

    clock: Clock
    jitter: Callable[[float], float]
    """Return a random number between 0 and the argument, uniformly."""
    gate: Gate
    patience: Patience = field(default_factory=Patience)
    name: str = "the provider"
    """How `say` calls what throttles."""
    say: Callable[[str], None] = _say_nothing
    """Informs the user about a wait of some seconds."""

    def persist(self, attempt: Callable[[], ResultT], judge: Callable[[ResultT], Again | None]) -> ResultT | None:
        """Return the first result that `judge` does not want repeated, or the last one when the limits are reached.

        Returns None if no attempt was made at all, because the provider kept all requests waiting.
        """
        began = self.clock.now()
        result: ResultT | None = None
        # tenacity decides about waits and stops; a result and not an exception says whether to go on.
        for turn in self._turns(began):
            generation = self.gate.enter(until=self._deadline(began))
            if generation is None:
                break
            result = attempt()
            again = judge(result)
            if again is None:
                self.gate.accepted()
                break
            if again.throttled:
                self._slow_down(generation, self._pause(again, turn.retry_state.attempt_number), began)
            turn.retry_state.set_result(again)
        return result

    def explain_pause(self, last: Again | None) -> str:
        """Return how long the provider wants to be waited for, or was waited for, given its last answer; a clause.

        None if it was not asked at all, because another thread was asked to wait.
        """
        left = self.gate.paused_for()
        if left and (last is None or last.retry_after is not None):
            return f"busy or throttled until {self.clock.now() + left:%Y-%m-%d %H:%M:%S} UTC"
        limit = self.patience.limit(self.gate.longest_asked())
        return f"still busy or throttled after {limit.total_seconds():g} s of waiting"

    def _slow_down(self, generation: int, pause: timedelta, began: datetime) -> None:
        is_first = self.gate.throttled(generation, pause=pause)
        until = self.clock.now() + pause
        # Once for all threads, and not if the pause is longer than the patience: then the caller's error reports it.
        if is_first and pause >= _WORTH_SAYING and until <= self._deadline(began):
            self.say(
                f"{self.name} is busy or throttled: waiting {pause.total_seconds():.0f} s, until {until:%H:%M:%S} UTC"
            )

    def _deadline(self, began: datetime) -> datetime:
        return began + self.patience.limit(self.gate.longest_asked())

    def _turns(self, began: datetime) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_always,
            wait=self._wait_seconds,
            stop=lambda state: self._is_over(state, began),
            sleep=lambda seconds: self.clock.sleep(timedelta(seconds=seconds)),
            retry_error_callback=lambda _: None,
        )

    def _pause(self, again: Again, attempt_number: int) -> timedelta:
        if again.retry_after is None:
            needed = again.at_least * (1 << min(attempt_number - 1, 16))
            return min(max(self.patience.bound(attempt_number), needed), self.patience.longest_pause)
        return min(again.retry_after, self.patience.longest_pause)

    def _wait_seconds(self, state: tenacity.RetryCallState) -> float:
        # The gate would make it wait in any case, but a wait that is known here counts against the deadline.
        if _again_of(state).throttled:
            return self.gate.paused_for().total_seconds()
        return self.jitter(self.patience.bound(state.attempt_number).total_seconds())

    def _is_over(self, state: tenacity.RetryCallState, began: datetime) -> bool:
        is_too_often = not _again_of(state).throttled and state.attempt_number >= self.patience.attempts
        return is_too_often or self.clock.now() + timedelta(seconds=state.upcoming_sleep) > self._deadline(began)


def _again_of(state: tenacity.RetryCallState) -> Again:
    # tenacity asks for wait and stop only after an attempt, whose outcome `persist` has set.
    return cast(Again, cast(tenacity.Future, state.outcome).result())
