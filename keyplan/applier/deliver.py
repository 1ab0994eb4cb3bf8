"""Delivery: a raw key and its receipt go into every slot, and for each slot it is found out whether it holds them.

A sink whose answer was lost is looked at: if a stored key were taken for lost, keyplan would delete what consumers
read.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from keyplan.applier.workbench import Workbench
from keyplan.errors import SinkBusyError, SinkDeniedError, SinkError, SinkPausedError, SinkUnavailableError
from keyplan.model.intent import Intent
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.ports import Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The slot holds the raw key for certain."""

    slot: Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class NotStored:
    """The slot is as it was, for certain."""

    slot: Slot
    error: SinkError


@dataclass(frozen=True, slots=True, kw_only=True)
class MaybeStored:
    """The slot may hold the raw key, or something between old and new: a key behind it must not be deleted."""

    slot: Slot
    error: SinkError


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResult:
    """What became of one raw key in several slots."""

    stored: tuple[Slot, ...]
    """In the order of the deliveries."""
    failures: tuple[NotStored | MaybeStored, ...]

    @property
    def is_nowhere(self) -> bool:
        """Whether it is certain that no slot holds the raw key, so that its key can be deleted again."""
        return not self.stored and all(isinstance(failure, NotStored) for failure in self.failures)

    @property
    def locations(self) -> tuple[str, ...]:
        """Where the raw key is: `sink:location` each."""
        return tuple(f"{slot.sink}:{slot.location}" for slot in self.stored)


def deliver(
    slots: Collection[Slot], raw: RawKey, receipt: Receipt, intent: Intent | None, bench: Workbench
) -> DeliveryResult:
    """Store a raw key in every slot, and return what each did. One that fails does not keep the others from theirs.

    A slot that bears another intent by now is another run's, and is left as it is. Raises LeaseLostError.

    The step "deliver" of docs/planning.md, "Applying".
    """
    beside = _make_note(receipt)
    results = [_store_and_count(slot, raw, beside, intent, bench) for slot in slots]
    return DeliveryResult(
        stored=tuple(result.slot for result in results if isinstance(result, Stored)),
        failures=tuple(result for result in results if not isinstance(result, Stored)),
    )


def annotate(slots: Collection[Slot], receipt: Receipt, bench: Workbench) -> None:
    """Replace the receipt beside the value of every slot. Raises SinkError at the first that cannot be written."""
    beside = _make_note(receipt)
    for slot in slots:
        bench.retry(partial(bench.sinks[slot.sink].annotate, slot, beside), on=SinkUnavailableError)


def _make_note(receipt: Receipt) -> Receipt:
    """Return a receipt as it stands beside a secret: users who can read one place need not know of the others."""
    return replace(receipt, left=()) if receipt.left else receipt


def _store_and_count(
    slot: Slot, raw: RawKey, receipt: Receipt, intent: Intent | None, bench: Workbench
) -> Stored | NotStored | MaybeStored:
    """Store a raw key in one slot, and let the breaker of its sink know."""
    result = _store(slot, raw, receipt, intent, bench)
    if isinstance(result, Stored):
        bench.breaker.note_stored(slot.sink)
    elif not isinstance(result.error, SinkBusyError):
        # That another run has the place says nothing about the sink.
        bench.breaker.note_failed(slot.sink)
    return result


def _store(
    slot: Slot, raw: RawKey, receipt: Receipt, intent: Intent | None, bench: Workbench
) -> Stored | NotStored | MaybeStored:
    """Store a raw key in one slot, tried again after each of `workbench.RETRY_PAUSES` while the sink is unavailable."""
    sink = bench.sinks[slot.sink]
    errors: list[SinkError] = []
    for _ in bench.attempts():
        try:
            sink.put(slot, raw, receipt, intent=intent)
        except SinkError as error:
            errors.append(error)
            # A refusal, such as a 403 or another owner's value, does not pass within seconds, nor does a pause that the
            # sink's adapter has waited for in vain.
            if isinstance(error, SinkPausedError) or not isinstance(error, SinkUnavailableError):
                break
        else:
            return Stored(slot=slot)
    found = _inspect(sink, slot)
    if found and _holds(found, receipt):
        # Only the answer was lost.
        return Stored(slot=slot)
    # A refusal speaks of its own attempt only: one before it that was never answered may have stored the key.
    was_refused = all(isinstance(error, (SinkBusyError, SinkDeniedError)) for error in errors)
    if was_refused or _is_untouched(found, sink):
        return NotStored(slot=slot, error=errors[-1])
    return MaybeStored(slot=slot, error=errors[-1])


def _inspect(sink: Sink, slot: Slot) -> Holding | None:
    """Return what a slot holds after a failed put; None if the sink does not say."""
    with suppress(SinkError):
        return sink.inspect((slot,)).get(slot)
    return None


def _holds(found: Holding, receipt: Receipt) -> bool:
    held = found.receipt
    return (
        found.present
        and found.content is not Content.DIFFERS
        and held is not None
        and (held.key_id, held.fingerprint) == (receipt.key_id, receipt.fingerprint)
    )


def _is_untouched(found: Holding | None, sink: Sink) -> bool:
    """Whether what was found proves that a failed put changed nothing."""
    if found is None or not sink.abilities.holds_receipts:
        return False
    # A value without receipt, or beside the receipt of another value, may be the new one half stored.
    return not found.present or (found.receipt is not None and found.content is not Content.DIFFERS)
