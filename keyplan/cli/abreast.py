"""The same thing for several manifests at the same time.

In: things to do it for. Out: what came of each, in the same order. Never: one that fails and takes the others along.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias, TypeVar

from keyplan.errors import KeyplanError

MOST_ABREAST = 8
"""So many manifests at once; each has threads of its own."""
Given = TypeVar("Given")
Result = TypeVar("Result")


Failure: TypeAlias = tuple[str, KeyplanError]
"""The name of a manifest, and what went wrong with it."""


def run_abreast(do: Callable[[Given], Result], given: Sequence[Given]) -> list[Result | KeyplanError]:
    """Return for each what came of it: a result, or the error that it raised."""

    def attempt(one: Given) -> Result | KeyplanError:
        try:
            return do(one)
        except KeyplanError as error:
            return error

    if len(given) == 1:
        return [attempt(given[0])]
    with ThreadPoolExecutor(max_workers=min(MOST_ABREAST, max(1, len(given)))) as pool:
        return list(pool.map(attempt, given))


def sort_out(results: Sequence[Result | KeyplanError], names: Sequence[str]) -> tuple[list[Result], list[Failure]]:
    """Return what came out, and what went wrong under which name; each in the order that it had."""
    done: list[Result] = []
    failures: list[Failure] = []
    for name, result in zip(names, results, strict=True):
        if isinstance(result, KeyplanError):
            failures.append((name, result))
        else:
            done.append(result)
    return done, failures
