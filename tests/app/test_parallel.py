"""The same thing for several manifests at the same time, and somebody who interrupts that."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from keyplan.app.parallel import run_parallel
from keyplan.errors import InputError, KeyplanError


@contextmanager
def held() -> Iterator[threading.Event]:
    """Give what holds a thread back until the block ends, however it ends."""
    release = threading.Event()
    try:
        yield release
    finally:
        release.set()


def interrupt() -> None:
    """Do what a person does who presses Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)  # unlike raise_signal, this wakes the main thread up


def test_each_gets_its_own_result_or_error() -> None:
    def halve(number: int) -> int:
        if number % 2:
            raise InputError("odd")
        return number // 2

    half, error = run_parallel(halve, [4, 3])
    assert (half, type(error)) == (2, InputError)


def test_nothing_at_all_is_done_for_nobody() -> None:
    assert run_parallel(str, []) == []


@pytest.mark.parametrize("count", [1, 2])
def test_whoever_interrupts_is_not_kept_waiting(count: int) -> None:
    with held() as release:

        def wait(number: int) -> None:
            if number == 0:
                interrupt()
            release.wait()

        with pytest.raises(KeyboardInterrupt):
            run_parallel(wait, range(count))
        assert not release.is_set()


def test_what_is_still_under_way_is_told_beside_what_is_done() -> None:
    broken_off, done = KeyplanError("broken off"), threading.Event()
    with held() as release:

        def work(number: int) -> int:
            if number == 0:
                done.set()
            else:
                done.wait()
                interrupt()
                release.wait()
            return number

        assert run_parallel(work, [0, 1], break_off=lambda: broken_off) == [0, broken_off]


def test_a_bug_in_one_does_not_take_along_what_came_of_the_others() -> None:
    def stumble(number: int) -> int:
        return 6 // number

    error, three = run_parallel(stumble, [0, 2])
    assert isinstance(error, KeyplanError)
    assert ("this is a bug in keyplan: ZeroDivisionError" in error.message, three) == (True, 3)


def test_a_bug_in_the_only_one_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        run_parallel(lambda number: 1 // number, [0])
