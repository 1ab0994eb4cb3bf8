"""Lets another run do something between any two requests of a sink: each point once, until there is none left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from keyplan.errors import SinkError


class Interruption:
    """Is called before each request; at one of them, something else happens first."""

    def __init__(self, point: int, act: Callable[[], None]) -> None:
        self.has_happened = False
        self.errors: list[SinkError] = []
        """What the interrupting run was told."""
        self._point, self._act = point, act
        self._requests = 0
        self._is_armed = False

    def arm(self) -> None:
        """From now on, requests count."""
        self._is_armed = True

    def disarm(self) -> None:
        """From now on, nothing happens any more."""
        self._is_armed = False

    def __call__(self) -> None:
        if not self._is_armed:
            return
        self._requests += 1
        if self._requests == self._point:
            self._is_armed, self.has_happened = False, True
            self.errors += [error for error in [refused(self._act)] if error]


class Interrupted:
    """Stands for a client, and calls an interruption before each of its methods."""

    def __init__(self, client: Any, before: Callable[[], None]) -> None:
        self._client, self._before = client, before

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found) or name == "meta":
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            self._before()
            return found(*arguments, **named)

        return call


def refused(act: Callable[[], None]) -> SinkError | None:
    """Do something, and return what it was refused with."""
    try:
        act()
    except SinkError as error:
        return error
    return None


def points(run: Callable[[int], Interruption]) -> Iterator[int]:
    """Run something with an interruption at its first request, its second and so on; yield each that there is."""
    for point in count(1):
        if not run(point).has_happened:
            return
        yield point
