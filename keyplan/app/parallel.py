"""Does the same thing for several manifests at the same time. One that fails must not end the others.

An interrupt ends the waiting at once, even if a server does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from keyplan.documents.report import Failure
from keyplan.errors import KeyplanError

__all__ = ["describe_bug", "run_parallel", "split_results"]
from keyplan.applier.bugs import describe_bug

MAX_PARALLEL_MANIFESTS = 8
"""So many manifests at once; each has threads of its own."""
_LONGEST_WAIT_SECONDS = 0.2
Given = TypeVar("Given")
Result = TypeVar("Result")


def run_parallel(
    do: Callable[[Given], Result], given: Sequence[Given], *, break_off: Callable[[], KeyplanError] | None = None
) -> list[Result | KeyplanError]:
    """Return for each its result, or the error that it raised.

    A KeyboardInterrupt ends the waiting: it is raised, or, with `break_off`, what that returns is what came of those
    that are still under way. Their threads go on until the process ends.
    """

    def attempt(one: Given) -> Result | KeyplanError:
        try:
            return do(one)
        except KeyplanError as error:
            return error

    if break_off and len(given) == 1:
        return [attempt(given[0])]  # in the main thread, where it hears of interrupts itself
    pool = ThreadPoolExecutor(max_workers=min(MAX_PARALLEL_MANIFESTS, max(1, len(given))))
    futures: list[Future[Result | KeyplanError]] = []
    try:
        for one in given:
            futures.append(pool.submit(attempt, one))  # noqa: PERF401 - what has begun is known whenever an interrupt comes
        _await(futures)
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        if break_off is None:
            raise
        begun = [future.result() if _is_over(future) else break_off() for future in futures]
        return [*begun, *(break_off() for _ in given[len(futures) :])]
    pool.shutdown()
    return [_take(future, is_one_of_several=len(given) > 1) for future in futures]


def _await(futures: Sequence[Future[Result]]) -> None:
    """Return when all are over."""
    # A signal that comes right before the main thread begins to wait does not end the wait: CPython looks for signals
    # when a wait is over. So none is long.
    while wait(futures, timeout=_LONGEST_WAIT_SECONDS).not_done:
        pass


def _take(future: Future[Result | KeyplanError], *, is_one_of_several: bool) -> Result | KeyplanError:
    """Return what came of one; a bug in it must not take along what came of the others."""
    error = future.exception()
    if is_one_of_several and isinstance(error, Exception):
        return describe_bug(error)
    return future.result()


def _is_over(future: Future[Result]) -> bool:
    return future.done() and not future.cancelled()


def split_results(results: Sequence[Result | KeyplanError], names: Sequence[str]) -> tuple[list[Result], list[Failure]]:
    """Return what came out, and what went wrong under which name; each in the order that it had."""
    done: list[Result] = []
    failures: list[Failure] = []
    for name, result in zip(names, results, strict=True):
        if isinstance(result, KeyplanError):
            failures.append((name, result))
        else:
            done.append(result)
    return done, failures
