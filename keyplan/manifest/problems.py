"""Collect the problems of a manifest, each with its place, so that a user sees all of them at once and in file order.

No line appears twice, and no message quotes a secret (`model.quotes` takes care of that).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from keyplan.errors import ManifestError, Problem
from keyplan.model.place import Place, name_element
from keyplan.model.quotes import escape

Spot: TypeAlias = int
"""Line and column in one number, both from 0: it orders like a place, and a million of them stay small.

Above them stands the number of the source: 0 for the manifest's own file, another one for each further file, and for
each element of `for_each`.
"""

COLUMN_BITS = 32
_COLUMN_MASK = (1 << COLUMN_BITS) - 1
_SOURCE_BITS = 64
_PLACE_MASK = (1 << _SOURCE_BITS) - 1
START: Spot = 0


def spot_at(line: int, column: int) -> Spot:
    """Return the spot of a line and column that count from 0."""
    return line << COLUMN_BITS | column


def move_spot(spot: Spot, source: Spot) -> Spot:
    """Return the same line and column in a source, which is given by the spot of its start."""
    return spot & _PLACE_MASK | source


@dataclass(frozen=True, slots=True)
class _Source:
    file: str
    element: str
    start: Spot
    """Where the file's own source starts, of which this one may be an element."""


class Problems:
    """What is wrong with one text, and with those that it is composed of."""

    def __init__(self, file: str, *, family: str = "manifest") -> None:
        """Take the file's name, and what the ids of its problems' rules begin with."""
        self._family = family
        self._sources = [_Source(file, "", START)]
        self._found: dict[tuple[Spot, str], str] = {}
        self._secrets: dict[Spot, str] = {}
        self.additions = 0
        """How often something was noted, repetitions included: by comparing, a caller sees that more was found."""

    def add_file(self, file: str) -> Spot:
        """Return where another file starts, after which its problems are listed."""
        start = len(self._sources) << _SOURCE_BITS
        self._sources.append(_Source(file, "", start))
        return start

    def add_element(self, spot: Spot, element: str) -> Spot:
        """Return where the source starts that stands for an element of `for_each` in the file of a spot."""
        own = self._sources[spot >> _SOURCE_BITS]
        self._sources.append(_Source(own.file, element, own.start))
        return (len(self._sources) - 1) << _SOURCE_BITS

    def add(self, spot: Spot, message: str, kind: str = "invalid") -> None:
        """Note a problem; the same message at the same place is kept once. A kind with a slash is a whole rule."""
        # A default that is wrong would otherwise appear once for each declaration.
        self._found.setdefault((spot, message), kind)
        self.additions += 1

    def add_secret(self, spot: Spot, message: str) -> None:
        """Note a secret. It is the only problem reported for its spot, because other messages there could quote it."""
        self.add(spot, message, "secret")
        self._secrets[self._locate(spot)] = message

    def place_of(self, spot: Spot) -> Place:
        """Return a spot as a place that counts from 1."""
        source = self._sources[spot >> _SOURCE_BITS]
        line, column = (spot & _PLACE_MASK) >> COLUMN_BITS, spot & _COLUMN_MASK
        return Place(source.file, line + 1, column + 1, source.element)

    def describe(self, spot: Spot, *, seen_from: Spot) -> str:
        """Return where a spot is, in words that need no file name if it is in the file of another spot."""
        place = self.place_of(spot)
        beside = "" if place.file == self.place_of(seen_from).file else f"{escape(place.file)}, "
        return name_element(f"in {beside}line {place.line}, column {place.column}", place.element)

    def fail(self, spot: Spot, message: str) -> NoReturn:
        """Note a problem after which nothing more can be read.

        Raises ManifestError with all problems so far.
        """
        self.add(spot, message, "yaml")
        raise ManifestError(self.listed())

    def raise_if_any(self) -> None:
        """Raise ManifestError if there are problems, in file order."""
        if self._found:
            raise ManifestError(self.listed())

    def listed(self) -> tuple[Problem, ...]:
        """Return all problems so far, in the order of files and then of places."""
        grouped: dict[tuple[Spot, str], list[Spot]] = {}
        for spot, message in sorted(self._found):
            # Other messages at the spot of a secret could quote it.
            if self._secrets.get(self._locate(spot), message) == message:
                # A mistake in what is repeated would otherwise appear once for each element.
                grouped.setdefault((self._locate(spot), message), []).append(spot)
        return tuple(self._to_problem(spots, message) for (_, message), spots in sorted(grouped.items()))

    def _locate(self, spot: Spot) -> Spot:
        """Return the spot in its file, whatever the element."""
        return move_spot(spot, self._sources[spot >> _SOURCE_BITS].start)

    def _to_problem(self, spots: list[Spot], message: str) -> Problem:
        place, kind = self.place_of(spots[0]), self._found[spots[0], message]
        return Problem(
            file=place.file,
            line=place.line,
            column=place.column,
            message=name_element(message, place.element, others=len(spots) - 1),
            rule=kind if "/" in kind else f"{self._family}/{kind}",
        )


class FileProblems(Problems):
    """Hands the problems of one of several files on; spots count from the start of that file."""

    def __init__(self, problems: Problems, start: Spot) -> None:
        """Take where they go, and where the file starts there."""
        super().__init__("")
        self._inner = problems
        self._start = start

    def add(self, spot: Spot, message: str, kind: str = "invalid") -> None:
        """Note a problem of the file."""
        self._inner.add(spot | self._start, message, kind)

    def add_secret(self, spot: Spot, message: str) -> None:
        """Note a secret in the file."""
        self._inner.add_secret(spot | self._start, message)

    def place_of(self, spot: Spot) -> Place:
        """Return a spot of the file as a place that counts from 1."""
        return self._inner.place_of(spot | self._start)

    def listed(self) -> tuple[Problem, ...]:
        """Return the problems of all files so far."""
        return self._inner.listed()


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFinding:
    """One mistake, in words."""

    path: tuple[str | int, ...]
    """From the checked value to the wrong one: names of fields, and indexes from 0."""
    key: str | None = None
    """The field of the value at `path` whose name is wrong or which is missing; None if the value itself is."""
    message: str
