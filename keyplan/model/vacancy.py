"""A place that a declaration delivers to no longer, as plans and reports show it.

Which places are left, and when each is emptied, is decided by `planner.left_places`; nothing is emptied here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Vacancy:
    """A place that an address leaves.

    It has one of four ends: it keeps what it holds (`leaves`), its overlap starts with this apply (`overlap`), its
    overlap runs since an earlier one (`empty_after`), or this apply empties it.

    Plans are sorted by it, so that the order of its fields is the order in which places are shown.
    """

    location: str
    """`sink:location`, as `Action.locations` has it; compared as text, and never read back for a decision."""

    leaves: str = ""
    """Why it keeps what it holds; empty if it is emptied."""
    overlap: timedelta = timedelta(0)
    """How long after this apply its readers still find the key there; zero if this apply starts no overlap."""
    empty_after: datetime | None = None
    """When the overlap is over for its readers, if an earlier apply started it."""

    @property
    def is_new(self) -> bool:
        """Whether this apply starts the overlap of its readers."""
        return bool(self.overlap)

    @property
    def is_emptied(self) -> bool:
        """Whether this apply empties it."""
        return not (self.leaves or self.overlap or self.empty_after)
