"""Collect the problems of one text, each with its place, so that a user sees all of them at once and in file order.

No line appears twice, and no message quotes a secret (`model.quotes` takes care of that).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from keyplan.errors import ManifestError, Problem
from keyplan.model.place import Place

Spot: TypeAlias = int
"""Line and column in one number, both from 0: it orders like a place, and a million of them stay small."""

COLUMN_BITS = 32
_COLUMN_MASK = (1 << COLUMN_BITS) - 1
START: Spot = 0


def spot_at(line: int, column: int) -> Spot:
    """Return the spot of a line and column that count from 0."""
    return line << COLUMN_BITS | column


class Problems:
    """What is wrong with one file."""

    def __init__(self, file: str, *, family: str = "manifest") -> None:
        """Take the file's name, and what the ids of its problems' rules begin with."""
        self._file = file
        self._family = family
        self._found: dict[tuple[Spot, str], str] = {}
        self._secrets: dict[Spot, str] = {}
        self.additions = 0
        """How often something was noted, repetitions included: by comparing, a caller sees that more was found."""

    def add(self, spot: Spot, message: str, kind: str = "invalid") -> None:
        """Note a problem; the same message at the same place is kept once."""
        # A default that is wrong would otherwise appear once for each declaration.
        self._found.setdefault((spot, message), kind)
        self.additions += 1

    def add_secret(self, spot: Spot, message: str) -> None:
        """Note a secret. It is the only problem reported for its spot, because other messages there could quote it."""
        self.add(spot, message, "secret")
        self._secrets[spot] = message

    def place_of(self, spot: Spot) -> Place:
        """Return a spot as a place that counts from 1."""
        return Place(self._file, (spot >> COLUMN_BITS) + 1, (spot & _COLUMN_MASK) + 1)

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
        """Return all problems so far, in file order."""
        return tuple(
            self._to_problem(spot, message)
            for spot, message in sorted(self._found)
            # Other messages at the spot of a secret could quote it.
            if self._secrets.get(spot, message) == message
        )

    def _to_problem(self, spot: Spot, message: str) -> Problem:
        place, kind = self.place_of(spot), self._found[spot, message]
        return Problem(
            file=place.file,
            line=place.line,
            column=place.column,
            message=message,
            rule=f"{self._family}/{kind}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFinding:
    """One mistake, in words."""

    path: tuple[str | int, ...]
    """From the checked value to the wrong one: names of fields, and indexes from 0."""
    key: str | None = None
    """The field of the value at `path` whose name is wrong or which is missing; None if the value itself is."""
    message: str
