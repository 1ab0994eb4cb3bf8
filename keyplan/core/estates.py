"""What belongs to whom: the nouns of DESIGN section 4, made by `owning` and read by every later decision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from keyplan.model.desired import Desired
from keyplan.model.manifest import Address, KeyId
from keyplan.model.observation import Observation
from keyplan.model.quick import quick
from keyplan.model.receipt import Intent, Receipt, Superseded


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """Everything live and remembered that belongs to one declaration."""

    desired: Desired
    receipt: Receipt | None = None
    """The newest that names a live key, else the newest; of the ledger's and the sinks'."""
    current: Observation | None = None
    """The live key that the receipt names."""
    newer: tuple[Observation, ...] = ()
    """Live and ours, younger than the current one, and no receipt knows them: never delivered as far as
    sinks that hold receipts can tell. Newest first."""
    older: tuple[Observation, ...] = ()
    """Live and ours besides: superseded, or, where none is current, perhaps undelivered. Newest first."""
    superseded: Mapping[KeyId, Superseded] = field(default_factory=dict)
    """What receipts remember of superseded keys."""
    delivered_once: frozenset[KeyId] = frozenset()
    """Ids that any receipt names as its key: somebody may hold them."""
    intents: tuple[Intent, ...] = ()
    """Open ones, oldest first."""
    previous_address: Address | None = None
    """Where its receipt stood so far, if that is another address."""

    @property
    def alive(self) -> tuple[Observation, ...]:
        """All its live keys, newest first."""
        if not self.newer and not self.older:
            return (self.current,) if self.current else ()
        return tuple(sorted((*self.newer, *([self.current] if self.current else []), *self.older), key=newest_first))

    def with_keys(self, keys: Iterable[Observation]) -> Estate:
        """Return the estate with these live keys sorted into current, newer and older."""
        ranked = sorted(keys, key=newest_first)
        current = next((key for key in ranked if self.receipt and key.id == self.receipt.key_id), None)
        others = [key for key in ranked if key is not current]
        newer = tuple(key for key in others if current and self._is_newcomer(key, current))
        strangers = {key.id for key in newer}
        older = tuple(key for key in others if key.id not in strangers)
        return replace(self, current=current, newer=newer, older=older)

    def _is_newcomer(self, key: Observation, current: Observation) -> bool:
        """Whether a key came after the current one and was never delivered.

        Ages in whole seconds can tie; only an open intent turns a tie into a newcomer, because an older key
        keeps its overlap.
        """
        if key.id in self.superseded or key.id in self.delivered_once or key.created_at < current.created_at:
            return False
        return key.created_at > current.created_at or any(
            intent.could_have_made(key.id, key.created_at) for intent in self.intents
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A live key, or a receipt of a key that is gone, which is ours and declared nowhere."""

    address: Address
    key: Observation | None
    receipt: Receipt | None

    @property
    def is_forgotten(self) -> bool:
        """Whether it is nobody's by a person's word: its declaration went with `on_remove: forget`."""
        return self.key is not None and self.receipt is not None and self.receipt.forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """The whole snapshot, shared out."""

    estates: tuple[Estate, ...]
    """One per desired key, in the same order."""
    orphans: tuple[Orphan, ...]
    """Sorted by address, then key id."""
    unmanaged: tuple[Observation, ...]
    """Live, with neither marker nor receipt, sorted by id. Keys with another owner's marker are not among them."""


def newest_first(key: Observation) -> tuple[float, str]:
    """Return the sort key that puts the youngest key first, and among equals the lowest id."""
    return (-key.created_at.timestamp(), key.id)
