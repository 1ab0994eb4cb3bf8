"""Problems of one text, each at its spot, collected so that a user sees all of them at once.

In: spots and sentences from every step of reading. Out: one ManifestError in file order. Never: the same
line twice, or a sentence that quotes a secret (see `quoting`).
"""

from __future__ import annotations

from typing import NoReturn, TypeAlias

from keyplan.errors import ManifestError
from keyplan.model.manifest import Place

Spot: TypeAlias = int
"""Line and column in one number, both from 0: it orders like a place, and a million of them stay small."""

_COLUMN_BITS = 32
_COLUMN_MASK = (1 << _COLUMN_BITS) - 1
START: Spot = 0


def spot_at(line: int, column: int) -> Spot:
    """Return the spot of a line and column that count from 0."""
    return line << _COLUMN_BITS | column


class Problems:
    """What is wrong with one file."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: set[tuple[Spot, str]] = set()
        self._secrets: dict[Spot, str] = {}

    def add(self, spot: Spot, message: str) -> None:
        """Note a problem; what is already noted there in the same words stays one line."""
        self._found.add((spot, message))

    def add_secret(self, spot: Spot, message: str) -> None:
        """Note a secret. It is the only problem told of its spot: what else is wrong there goes with it."""
        self.add(spot, message)
        self._secrets[spot] = message

    def place_of(self, spot: Spot) -> Place:
        """Return a spot as a place that counts from 1."""
        return Place(self._file, (spot >> _COLUMN_BITS) + 1, (spot & _COLUMN_MASK) + 1)

    def fail(self, spot: Spot, message: str) -> NoReturn:
        """Note a problem behind which nothing can be read.

        Raises ManifestError with all problems so far.
        """
        self.add(spot, message)
        raise self._error()

    def raise_if_any(self) -> None:
        """Raise ManifestError if there are problems, in file order."""
        if self._found:
            raise self._error()

    def _error(self) -> ManifestError:
        return ManifestError(
            tuple(
                f"{self.place_of(spot)}: {message}"
                for spot, message in sorted(self._found)
                if self._secrets.get(spot, message) == message
            )
        )
