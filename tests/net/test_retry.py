"""Backoff, the gate that all threads share, and the pace that it learns."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, repeat

import pytest
from simulated.clock import START, SimulatedClock

from keyplan.net.retry import Again, Gate, Pace, Patience, Retrier

SECOND = timedelta(seconds=1)


@dataclass
class Script:
    """Attempts that end as scripted; the last word is repeated for ever."""

    words: Iterator[Again | None]
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    starts: list[float] = field(default_factory=list)

    def attempt(self) -> Again | None:
        self.starts.append((self.clock.now() - START).total_seconds())
        return next(self.words)

    def run(self, *, jitter: Callable[[float], float] = lambda most: most, patience: Patience | None = None) -> object:
        retrier = Retrier(clock=self.clock, jitter=jitter, gate=Gate(self.clock), patience=patience or Patience())
        return retrier.persist(self.attempt, lambda word: word)


def script(*words: Again | None) -> Script:
    return Script(words=chain(words[:-1], repeat(words[-1])))


FAILED = Again()
THROTTLED = Again(throttled=True)


def throttled_for(seconds: float) -> Again:
    return Again(throttled=True, retry_after=timedelta(seconds=seconds))


def test_a_result_that_is_final_is_returned_at_once() -> None:
    played = script(None)
    assert played.run() is None
    assert played.starts == [0]


def test_waits_double_up_to_the_cap() -> None:
    played = script(*[FAILED] * 8, None)
    played.run(patience=Patience(attempts=9))
    waits = [after - before for before, after in zip(played.starts, played.starts[1:], strict=False)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 20, 20]


def test_each_wait_is_drawn_below_its_bound() -> None:
    played = script(FAILED, FAILED, None)
    played.run(jitter=lambda most: most / 4)
    assert played.starts == [0, 0.125, 0.375]


def test_a_failure_that_stays_is_returned_after_six_attempts() -> None:
    played = script(FAILED)
    assert played.run() is FAILED
    assert len(played.starts) == 6


def test_no_attempt_begins_after_the_deadline() -> None:
    played = script(FAILED)
    assert played.run(patience=Patience(attempts=99)) is FAILED
    assert 100 < played.starts[-1] <= 120


def test_what_the_provider_asked_to_wait_is_waited() -> None:
    played = script(throttled_for(7), None)
    played.run()
    assert played.starts == [0, 7]


def test_a_throttling_without_a_time_is_answered_by_backoff() -> None:
    played = script(THROTTLED, THROTTLED, None)
    played.run()
    assert played.starts[:2] == [0, 0.5]


def test_no_wait_that_the_provider_asked_for_is_longer_than_a_minute() -> None:
    played = script(throttled_for(86_400), None)
    played.run()
    assert played.starts == [0, 60]


def test_being_throttled_does_not_use_up_the_attempts() -> None:
    played = script(*[throttled_for(1)] * 10, None)
    assert played.run() is None
    assert len(played.starts) == 11


@pytest.mark.parametrize("storm", [throttled_for(0), throttled_for(1), throttled_for(60), THROTTLED])
def test_a_storm_ends_with_the_deadline(storm: Again) -> None:
    played = script(storm)
    assert played.run() is storm
    assert played.starts[-1] <= 120
    assert len(played.starts) < 70


def test_a_request_that_is_never_admitted_has_no_result() -> None:
    clock = SimulatedClock()
    gate = Gate(clock)
    gate.throttled(0, pause=timedelta(seconds=200))
    retrier = Retrier(clock=clock, jitter=lambda most: most, gate=gate)
    assert retrier.persist(lambda: "sent", lambda _: None) is None


def test_a_pause_for_one_thread_holds_for_all_threads() -> None:
    clock = SimulatedClock()
    gate = Gate(clock)
    generation = gate.enter(until=START + 60 * SECOND)
    assert generation is not None
    gate.throttled(generation, pause=10 * SECOND)
    gate.enter(until=START + 60 * SECOND)
    assert clock.now() == START + 10 * SECOND


class InterruptedSleep(SimulatedClock):
    """While the first sleeper sleeps, somebody else is told to wait longer."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate(self)
        self.slept = 0

    def sleep(self, duration: timedelta) -> None:
        """Sleep, and be overtaken once."""
        super().sleep(duration)
        self.slept += 1
        if self.slept == 1:
            self.gate.throttled(0, pause=30 * SECOND)


def test_a_pause_that_is_declared_during_a_wait_is_waited_too() -> None:
    clock = InterruptedSleep()
    clock.gate.throttled(0, pause=5 * SECOND)
    clock.gate.enter(until=START + 60 * SECOND)
    assert clock.now() == START + 35 * SECOND


def test_a_gate_without_a_pace_admits_all_requests_at_once() -> None:
    clock = SimulatedClock()
    gate = Gate(clock)
    for _ in range(100):
        gate.enter(until=START)
    assert clock.now() == START


def test_a_burst_of_refusals_slows_down_once() -> None:
    pace = Pace()
    for _ in range(20):
        pace.increase(START)
    for _ in range(8):
        pace.decrease(0, START, SECOND)
    pace.reserve(START + SECOND)
    # 20 were taken within the last second: 0.7 of that is 14 a second.
    assert pace.next_start(START + SECOND) == START + SECOND + timedelta(seconds=1 / 14)


def test_only_the_last_second_counts_for_the_accepted_rate() -> None:
    pace = Pace()
    for _ in range(50):
        pace.increase(START)
    for _ in range(10):
        pace.increase(START + 2 * SECOND)
    pace.decrease(0, START + 2 * SECOND, timedelta(0))
    pace.reserve(START + 2 * SECOND)
    assert pace.next_start(START) == START + 2 * SECOND + timedelta(seconds=1 / 7)


def test_the_pace_never_falls_below_one_request_in_two_seconds() -> None:
    pace = Pace()
    for generation in range(50):
        pace.decrease(generation, START, timedelta(0))
    pace.reserve(START)
    assert pace.next_start(START) == START + 2 * SECOND


class Bucket:
    """A server that takes `rate` requests a second, and a burst of as many."""

    def __init__(self, rate: float) -> None:
        self.rate = self.tokens = rate
        self.filled = START

    def takes(self, now: datetime) -> bool:
        self.tokens = min(self.rate, self.tokens + (now - self.filled).total_seconds() * self.rate)
        self.filled = now
        taken = self.tokens >= 1
        self.tokens -= taken
        return taken


@pytest.mark.parametrize("workers", [1, 8, 32])
def test_at_most_one_request_in_twenty_is_refused_under_a_rate_limit(workers: int) -> None:
    """Play 2,000 requests of several workers, each 20 ms on the way, in the order in which things happen."""
    pace, bucket, taken, refused = Pace(), Bucket(20), 0, 0
    latency = timedelta(milliseconds=20)
    events: list[tuple[datetime, int, str, int]] = [(START, worker, "ask", 0) for worker in range(workers)]
    while taken < 2000:
        now, worker, what, generation = heapq.heappop(events)
        if what == "ask":
            start = pace.next_start(now)
            pace.reserve(start)
            heapq.heappush(events, (start, worker, "send", 0))
        elif what == "send":
            heapq.heappush(
                events,
                (now, worker, "ask", 0) if pace.pause_left(now) else (now + latency, worker, "answer", pace.generation),
            )
        else:
            if bucket.takes(now):
                taken += 1
                pace.increase(now)
            else:
                refused += 1
                pace.decrease(generation, now, SECOND)
            heapq.heappush(events, (now, worker, "ask", 0))
    assert refused / (taken + refused) <= 0.05
    # And the limit is used: 2,000 requests at 20 a second take at least 100 s.
    assert (now - START).total_seconds() < 150


def test_the_gate_counts_the_accepted_requests_of_many_threads() -> None:
    gate = Gate(SimulatedClock())

    def work() -> None:
        for _ in range(50):
            gate.enter(until=START + 999 * SECOND)
            gate.accepted()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gate.throttled(0, pause=timedelta(0))
    gate.enter(until=START + SECOND)
    # 400 within the same instant: 0.7 of that, so that the next start is 1/280 s later.
    assert gate.enter(until=START) is None
