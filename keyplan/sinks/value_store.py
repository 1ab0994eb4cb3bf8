"""What the engine and a store say to each other: what a slot holds, what it shall hold, and what a store can do.

Types and protocols alone: the rules are in `engine`, the effects in each sink's store.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol, TypeAlias, runtime_checkable

from keyplan.errors import SinkDeniedError, SinkError, SinkUnavailableError
from keyplan.model.examination import Area, Finding, Health
from keyplan.model.observation import Slot
from keyplan.model.quick import quick
from keyplan.model.secret import RawKey
from keyplan.sinks.notes import Entry


class Presence(Enum):
    """Whether a slot has a value."""

    AS_READ = "as read"
    """If the format finds one in the content; no content, no value."""
    PRESENT = "present"
    POSSIBLE = "possible"
    """The store may not look. Counts as present, and is overwritten only if a note or the user says so."""
    ASSUMED = "assumed"
    """The store never reports it. Counts as present, and may always be overwritten: the ledger alone knows."""


class Seals(Enum):
    """What the seal of a value that can't be read proves beside the noted one."""

    HINT = "hint"
    """Another seal may belong to the same value: then the receipt is neither proven nor disproven, and not shown."""
    CHANGE = "change"
    """Another seal is another value; the same seal proves nothing."""
    VERSION = "version"
    """A seal names a version that never changes: another seal is another value, the same seal the same value."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """One slot as its store loaded it."""

    presence: Presence = Presence.AS_READ
    content: bytes | None = field(default=None, repr=False)
    """All that the sink's format works on: a value, a whole dotenv file; None: nothing there, or not readable."""
    entry: Entry | None = None
    """What keyplan noted of the value."""
    owner: str = ""
    """The owner marked on the object, if that has a mark of its own beside the entries of its values."""
    is_foreign: bool = False
    """Whether the store sees that the value is not keyplan's, whatever the entry says."""
    seal: str = ""
    """Distinguishes one stored value from another without reading it; empty if the store has no such sign."""
    changed_at: datetime | None = None
    """When the value was last written, if the store says so."""
    note_age: timedelta | None = None
    """How long ago the entry was stored, by the clock of the store alone; None if that is unknown for this entry."""
    revision: str = ""
    """The store's version of what was loaded; a conditional write names it."""
    obstacle: SinkDeniedError | None = None
    """Why the store can't take a value there, if that shows already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a slot shall hold instead."""

    content: bytes | None = field(default=None, repr=False)
    """Empty: no value. None: the value stays as it is."""
    entry: Entry | None
    """What to note of it; None: no note. The store adds the seal of what it stores."""
    first: Entry | None = None
    """What to note before the content is stored, unless both are written at once."""
    raw: RawKey | None = None
    """The raw key in the content, if there is one: for checks, and to keep it out of what programs print."""
    must_prove: bool = False
    """Whether the store has to prove now, without changing the value, that a value can be stored there."""


Decide: TypeAlias = Callable[[Loaded], Change | None]
"""From what a slot holds to what it shall hold, or None for nothing to do; refuses by raising SinkDeniedError."""


class StoreConflictError(SinkUnavailableError):
    """Another writer changed the object between load and store; nothing was stored, and loading again may help."""


class ValueStore(Protocol):
    """Where values and notes are. Every method may raise SinkDeniedError and SinkUnavailableError."""

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        """Return what each slot holds, in as few requests as the store allows; changes nothing."""
        ...

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:
        """Load, decide and store, with no other writer in between, or raise StoreConflictError.

        If the process dies on the way, no note may speak of a value that is not there, and no value of ours may look
        like a user's. A format that edits a document needs the document: load it here even if `load` may leave it out.

        Args:
            slot: what to change.
            decide: called once with what the slot holds.
            create: a value is about to be written, so what is missing on the way may be made. False: if there is
                nothing to look into, nothing is done.
        """
        ...


@runtime_checkable
class LazyStore(Protocol):
    """A store whose `load` leaves out contents that its seals prove."""

    def load_content(self, slot: Slot) -> bytes | None:
        """Return the content, whatever the seals say; None if there is none, or it may not be read."""
        ...


@runtime_checkable
class ComparingStore(Protocol):
    """A store that learns from what it is answered whether it is atomic against other machines."""

    @property
    def compares(self) -> bool:
        """Whether it is, as far as it turned out; takes the place of the ability that the sink was built with."""
        ...


@runtime_checkable
class ExaminableStore(Protocol):
    """A store that can report, without writing, what would keep it from being written."""

    def examine(self, slots: Mapping[Slot, Loaded], /) -> Iterable[Finding]:
        """Return what stands in the way beside the values: rights, programs, places. Changes nothing.

        `slots` are those that `load` was just asked for, with what it returned: nothing needs to be loaded again.
        """
        ...


def find_broken(error: SinkError, slot: Slot | None = None) -> Finding:
    """Return the finding that an error means, for the `examine` of stores; without a slot it is about all of them."""
    return Finding(
        area=Area.SINK,
        subject="writing",
        location=slot.location if slot else "",
        health=Health.BROKEN,
        detail=error.message,
        advice=error.advice,
    )
