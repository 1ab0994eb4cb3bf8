"""Where something stands in a file that a user wrote, for problems and for answers that quote it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from keyplan.errors import Problem
from keyplan.model.identity import Address
from keyplan.model.quick import quick
from keyplan.model.quotes import quote


def name_element(message: str, element: str, *, others: int = 0) -> str:
    """Return the message of a problem with the element of `for_each` that it is about, and how many others it is."""
    if not element:
        return message
    also = f" and {others:,} more" if others else ""
    return f"{message} (for_each element {quote(element)}{also})"


@quick
@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a text file: line and column count from 1."""

    file: str
    line: int
    column: int
    element: str = ""
    """The element of `for_each` that it is read for; empty if it is read once."""

    def problem(self, message: str, *, rule: str, subject: Address, advice: str = "") -> Problem:
        """Return a problem at this place."""
        return Problem(
            file=self.file,
            line=self.line,
            column=self.column,
            message=name_element(message, self.element),
            rule=rule,
            subject=subject,
            advice=advice,
        )

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


FindPlace: TypeAlias = Callable[[Place, tuple[str, ...]], Place]
"""Returns the place of a field, by its path, of the declaration at a place."""
