"""A raw key and its receipt go to every sink of a declaration; what each sink did is found out, not assumed.

In: slots, a raw key, a receipt. Out: which sinks took it and which did not. A sink whose answer was lost is
looked at: to take a stored key for lost would end in deleting what consumers read.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from keyplan.applier.workbench import Workbench
from keyplan.errors import KeyplanError, SinkDeniedError, SinkError, SinkUnavailableError
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.plan import Action
from keyplan.model.receipt import Intent, IntentId, Receipt
from keyplan.model.report import Failed
from keyplan.model.secret import RawKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """What became of one delivery to several sinks."""

    took: tuple[Slot, ...]
    """Hold the raw key for certain."""
    failures: tuple[tuple[Slot, SinkError], ...]
    """Do not hold it, or nobody knows."""
    is_uncertain: bool
    """Whether a failed one may hold it, or something between old and new."""

    @property
    def nobody_took_it(self) -> bool:
        """Whether it is certain that no sink holds the raw key."""
        return not self.took and not self.is_uncertain


class Delivering:
    """Talks to the sinks of one action."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def intend(self, slots: Collection[Slot], intent: Intent) -> None:
        """Note an intent in every slot. Raises SinkError at the first that cannot be written."""
        for slot in slots:
            note = partial(self._bench.sinks[slot.sink].intend, slot, intent)
            self._bench.persist(note, on=SinkUnavailableError)

    def retract(self, slots: Collection[Slot], intents: Collection[IntentId]) -> None:
        """Remove intents from every slot; a sink that fails keeps them, which harms nothing."""
        for slot in slots:
            for intent_id in intents:
                with suppress(SinkError):
                    self._bench.sinks[slot.sink].retract(slot, intent_id)

    def annotate(self, slots: Collection[Slot], receipt: Receipt) -> None:
        """Replace the receipt in every slot. Raises SinkError at the first that cannot be written."""
        for slot in slots:
            note = partial(self._bench.sinks[slot.sink].annotate, slot, receipt)
            self._bench.persist(note, on=SinkUnavailableError)

    def withdraw(self, slots: Collection[Slot], owner: str) -> None:
        """Empty every slot of what this owner put there. Raises SinkError at the first that cannot be emptied."""
        for slot in slots:
            empty = partial(self._bench.sinks[slot.sink].withdraw, slot, owner)
            self._bench.persist(empty, on=SinkUnavailableError)

    def deliver(self, slots: Collection[Slot], raw: RawKey, receipt: Receipt) -> Dispatch:
        """Store a raw key in every slot, each tried several times, and return what each did."""
        took, failures, is_uncertain = [], [], False
        for slot in slots:
            errors = self._put(slot, raw, receipt)
            if not errors:
                took.append(slot)
                continue
            found = self._look(slot)
            if found is not None and _holds(found, receipt):
                took.append(slot)
                continue
            failures.append((slot, errors[-1]))
            is_uncertain = is_uncertain or not self._is_untouched(slot, found, errors)
        return Dispatch(took=tuple(took), failures=tuple(failures), is_uncertain=is_uncertain)

    def _put(self, slot: Slot, raw: RawKey, receipt: Receipt) -> tuple[SinkError, ...]:
        """Return what went wrong at each try; nothing where the sink took it. A refusal is not tried again."""
        errors: list[SinkError] = []
        for _ in self._bench.pauses():
            try:
                self._bench.sinks[slot.sink].put(slot, raw, receipt)
            except SinkUnavailableError as error:
                errors.append(error)
            except SinkError as error:
                return (*errors, error)
            else:
                return ()
        return tuple(errors)

    def _look(self, slot: Slot) -> Holding | None:
        """Return what a slot holds after a failed put; None where that cannot be seen either."""
        with suppress(SinkError):
            return self._bench.sinks[slot.sink].inspect((slot,)).get(slot)
        return None

    def _is_untouched(self, slot: Slot, found: Holding | None, errors: tuple[SinkError, ...]) -> bool:
        """Whether it is certain that a failed put left the slot as it was."""
        # A refusal speaks of its own try only: one before it that was never answered may have stored the key.
        if all(isinstance(error, SinkDeniedError) for error in errors):
            return True
        if found is None or not self._bench.sinks[slot.sink].abilities.holds_receipts:
            return False
        # A value without receipt, or beside the receipt of another value, may be the new one half stored.
        return not found.present or (found.receipt is not None and found.content is not Content.DIFFERS)


def _holds(found: Holding, receipt: Receipt) -> bool:
    held = found.receipt
    return (
        found.present
        and found.content is not Content.DIFFERS
        and held is not None
        and (held.key_id, held.fingerprint) == (receipt.key_id, receipt.fingerprint)
    )


REPEATS = "tries again"
"""What the next apply does where nothing is left behind."""


def fail(action: Action, error: KeyplanError, next_run: str) -> Failed:
    """Return the outcome of an action that an error ended."""
    return Failed(
        action=action, message=error.message, advice=error.advice, exit_status=error.exit_status, next_run=next_run
    )


def fail_undelivered(action: Action, dispatch: Dispatch, next_run: str) -> Failed:
    """Return the outcome of an action whose raw key some sink did not take; each of them is named."""
    message = "; ".join(f"{slot.sink}:{slot.location}: {error.message}" for slot, error in dispatch.failures)
    first = dispatch.failures[0][1]
    return Failed(
        action=action, message=message, advice=first.advice, exit_status=SinkError.exit_status, next_run=next_run
    )
