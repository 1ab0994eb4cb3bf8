"""Where something stands in a file that a user wrote, for problems and for answers that quote it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from keyplan.errors import Problem
from keyplan.model.identity import Address
from keyplan.model.quick import quick


@quick
@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a text file: line and column count from 1."""

    file: str
    line: int
    column: int

    def problem(self, message: str, *, rule: str, subject: Address, advice: str = "") -> Problem:
        """Return a problem that stands here."""
        return Problem(
            file=self.file,
            line=self.line,
            column=self.column,
            message=message,
            rule=rule,
            subject=subject,
            advice=advice,
        )

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


FindPlace: TypeAlias = Callable[[Place, tuple[str, ...]], Place]
"""Returns the place of a field, by its path, of the declaration at a place."""
