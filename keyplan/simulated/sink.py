"""A sink in memory, with every ability switchable: receipts, readable, weak proof, compare and set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.identity import Identity, Lineage, SinkName
from keyplan.model.intent import Intent
from keyplan.model.manifest import Declaration, Delivery
from keyplan.model.observation import Abilities, Content, Holding, Revision, Slot
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.ports import Clock
from keyplan.simulated.effects import Effects
from keyplan.sinks import concurrency
from keyplan.sinks.marks import explain_other_manifest, find_other_manifest, is_own_owner
from keyplan.sinks.notes import Entry

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What lies at one location."""

    raw: str | None = field(default=None, repr=False)
    owner: str | None = None
    """Whose mark it carries; None for what a user stored."""
    receipt: Receipt | None = None
    intent: Intent | None = None
    noted_at: datetime | None = None
    """When the intent was noted, by the store's clock."""
    changed_at: datetime | None = None

    def find_other(self, lineage: Lineage) -> Identity | None:
        """Return the manifest that marked it, if that is not ours."""
        return find_other_manifest(lineage, self.entry)

    def find_age(self, now: datetime) -> timedelta | None:
        """Return how long ago the intent was noted."""
        return now - self.noted_at if self.intent and self.noted_at else None

    @property
    def entry(self) -> Entry:
        """What is noted, as the engine of the real sinks knows it."""
        return Entry(owner=self.owner or "", receipt=self.receipt, intent=self.intent)


class SimulatedSink:
    """Implements Sink over a dict. Everything passes through `effects`; a user's actions do not."""

    def __init__(
        self,
        name: SinkName,
        clock: Clock,
        effects: Effects,
        *,
        abilities: Abilities | None = None,
        lineage: Lineage,
    ) -> None:
        self.name = name
        self.lineage = lineage
        """Whose cells are ours, in the run that is going on."""
        self.abilities = abilities or Abilities(holds_receipts=True, readable=True, compares=True)
        self.cells: dict[str, Cell] = {}
        """By location."""
        self.writable = True
        """False: every write is denied."""
        self.overwritten: list[tuple[str, str]] = []
        """Location and former raw key of every value that was replaced, in order."""
        self.history: list[tuple[datetime, str, str]] = []
        """When, where and which raw key keyplan stored, in order."""
        self._clock = clock
        self._effects = effects

    # Sink

    def locate(self, _owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return the delivery's `path` option, or the address, as location."""
        return Slot(sink=self.name, location=str(delivery.options.get("path", declaration.address)))

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what the cells hold, as far as the abilities go."""
        failed = SinkUnavailableError(f"sink '{self.name}' cannot be read")
        return self._effects.read(
            f"sink.inspect:{self.name}", lambda: {slot: self._hold(slot) for slot in slots}, failed=failed
        )

    def read(self, slot: Slot) -> RawKey | None:
        """Return the raw key, as far as the abilities go."""

        def act() -> RawKey | None:
            cell = self.cells.get(slot.location) if self.abilities.readable else None
            return RawKey(cell.raw) if cell and cell.raw is not None else None

        failed = SinkUnavailableError(f"sink '{self.name}' cannot be read")
        return self._effects.read(f"sink.read:{self.name}", act, failed=failed)

    def match(self, forms: Mapping[Slot, Collection[str]]) -> Mapping[Slot, frozenset[str]]:
        """Return which of its redacted forms each value fits, as far as the abilities go."""

        def act() -> Mapping[Slot, frozenset[str]]:
            if not self.abilities.readable:
                return {}
            raws = {slot: self.cells.get(slot.location, Cell()).raw for slot in forms}
            return {
                slot: frozenset(form for form in forms[slot] if RawKey(raw).fits(form))
                for slot, raw in raws.items()
                if raw is not None
            }

        failed = SinkUnavailableError(f"sink '{self.name}' cannot be read")
        return self._effects.read(f"sink.match:{self.name}", act, failed=failed)

    def intend(self, slot: Slot, intent: Intent, *, over: Revision | None = None) -> None:
        """Note the intent; denied for another manifest's or a user's value, refused over another run's."""

        def act() -> None:
            cell = self._writable(slot)
            if not concurrency.is_noted_already(cell.entry, intent):
                self._refuse_changed(slot, cell, over)
                concurrency.refuse_ended(slot.location, cell.entry, intent)
            if self.abilities.holds_receipts:
                # Beside a receipt the mark stays its owner's until the value changes hands.
                owner = cell.owner if cell.receipt else intent.owner
                self.cells[slot.location] = replace(cell, owner=owner, intent=intent, noted_at=self._clock.now())

        self._run("intend", slot, act)

    def retract(self, slot: Slot, intent: Intent) -> None:
        """Remove that intent of that run."""

        def act() -> None:
            cell = self.cells.get(slot.location, Cell())
            if concurrency.is_noted_by(cell.entry, intent):
                self._keep(slot, replace(cell, intent=None))

        self._run("retract", slot, act)

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt, *, intent: Intent | None = None) -> None:
        """Store value and receipt; the intent is closed. Refused if another run has the slot."""

        def act() -> None:
            if raw.is_empty():
                raise SinkDeniedError(f"{slot.location}: an empty value is never written")
            cell = self._writable(slot)
            if self.abilities.holds_receipts and not concurrency.is_put_wanted(
                slot.location, cell.entry, receipt, intent
            ):
                return
            self._store(slot, raw.reveal(), receipt)

        self._run("put", slot, act)

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Replace the receipt beside a value."""

        def act() -> None:
            cell = self.cells.get(slot.location, Cell())
            self._refuse_other_manifest(slot, cell)
            if self.abilities.holds_receipts and cell.raw is not None:
                concurrency.refuse_later(slot.location, cell.entry, receipt)
                self.cells[slot.location] = replace(cell, owner=receipt.owner, receipt=receipt)

        self._run("annotate", slot, act)

    def withdraw(self, slot: Slot, owner: str, *, over: Revision | None = None) -> None:
        """Remove what is ours; `owner` may be a former one. Refused if another run was there."""

        def act() -> None:
            cell = self.cells.get(slot.location, Cell())
            is_ours = cell.owner is not None and cell.find_other(self.lineage) is None
            if is_own_owner(self.lineage, owner) and (is_ours or not self.abilities.holds_receipts):
                self._refuse_changed(slot, cell, over)
                self.cells.pop(slot.location, None)

        self._run("withdraw", slot, act)

    # what a test, or a user beside keyplan, does and asks

    def person_writes(self, location: str, raw_text: str) -> None:
        """A user changes the value by hand; marks and receipt stay."""
        cell = self.cells.get(location, Cell())
        self.cells[location] = replace(cell, raw=raw_text, changed_at=self._clock.now())

    def person_deletes(self, location: str) -> None:
        """A user removes value, receipt and marks."""
        self.cells.pop(location, None)

    def lose(self) -> None:
        """Everything in it is gone."""
        self.cells.clear()

    def values(self) -> dict[str, str]:
        """Return the raw key at every location that holds one."""
        return {location: cell.raw for location, cell in sorted(self.cells.items()) if cell.raw is not None}

    # inside

    def _run(self, verb: str, slot: Slot, act: Callable[[], T]) -> T:
        error = SinkUnavailableError(f"{slot.location}: sink '{self.name}' cannot be reached")
        return self._effects.run(f"sink.{verb}:{self.name}", act, subject=slot.location, lost=error, failed=error)

    def _store(self, slot: Slot, raw_text: str, receipt: Receipt) -> None:
        former = self.cells.get(slot.location, Cell()).raw
        if former is not None and former != raw_text:
            self.overwritten.append((slot.location, former))
        self.history.append((self._clock.now(), slot.location, raw_text))
        holds = self.abilities.holds_receipts
        self.cells[slot.location] = Cell(
            raw=raw_text,
            owner=receipt.owner if holds else None,
            receipt=receipt if holds else None,
            changed_at=self._clock.now(),
        )

    def _hold(self, slot: Slot) -> Holding:
        cell = self.cells.get(slot.location, Cell())
        other = cell.find_other(self.lineage)
        return Holding(
            present=cell.raw is not None,
            receipt=cell.receipt if cell.raw is not None else None,
            intent=cell.intent,
            owner=other,
            content=self._compare(cell) if other is None else Content.UNREAD,
            changed_at=cell.changed_at if self.abilities.weak_proof else None,
            revision=self._revise(cell),
            intent_age=cell.find_age(self._clock.now()) if self.abilities.compares else None,
        )

    def _revise(self, cell: Cell) -> Revision:
        if self.abilities.holds_receipts:
            return concurrency.digest_notes(cell.entry, is_present=cell.raw is not None)
        return concurrency.digest_sign(str(cell.changed_at or "") if self.abilities.weak_proof else "")

    def _refuse_changed(self, slot: Slot, cell: Cell, over: Revision | None) -> None:
        if over and (found := self._revise(cell)) and found != over:
            raise concurrency.explain_busy(slot.location, cell.entry)

    def _compare(self, cell: Cell) -> Content:
        if not self.abilities.readable or cell.raw is None or cell.receipt is None or cell.receipt.fingerprint is None:
            return Content.UNREAD
        return Content.MATCHES if cell.receipt.fingerprint.matches(RawKey(cell.raw)) else Content.DIFFERS

    def _writable(self, slot: Slot) -> Cell:
        cell = self.cells.get(slot.location, Cell())
        self._refuse_other_manifest(slot, cell)
        if not self.writable:
            raise SinkDeniedError(f"{slot.location}: sink '{self.name}' may not be written")
        if self.abilities.holds_receipts and cell.raw is not None and cell.owner is None:
            raise SinkDeniedError(f"{slot.location}: was there before", advice="move it away")
        return cell

    def _refuse_other_manifest(self, slot: Slot, cell: Cell) -> None:
        if other := cell.find_other(self.lineage):
            raise explain_other_manifest(slot.location, other)

    def _keep(self, slot: Slot, cell: Cell) -> None:
        if cell.raw is None and cell.receipt is None:
            self.cells.pop(slot.location, None)
        else:
            self.cells[slot.location] = cell
