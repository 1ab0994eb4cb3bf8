"""Intents: written before an effect, so that any later run, on any machine, knows what an interrupted one began.

An intent also keeps other runs away from the address while this run is at work there. So none may stay open as if its
run were still under way: it is closed, or marked as ended, on every way out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self

from keyplan.applier.workbench import Workbench
from keyplan.errors import KeyplanError, LedgerError, SinkUnavailableError
from keyplan.model.basis import CopyBasis, ImportBasis, IssueBasis
from keyplan.model.intent import Intent, IntentId
from keyplan.model.observation import Slot
from keyplan.model.plan import PlannedAction
from keyplan.model.receipt import MOST_ATTEMPTS


class Attempt:
    """One intent of this run, as a context: what is still open when the block ends is marked as ended.

    Used by one thread.
    """

    def __init__(self, action: PlannedAction, basis: IssueBasis | CopyBasis | ImportBasis, bench: Workbench) -> None:
        """Nothing is written yet."""
        self.intent = _make_intent(action, basis, bench)
        self._slots = basis.lacking if isinstance(basis, (CopyBasis, ImportBasis)) else basis.slots
        self._continues = self.intent.id in {earlier.id for earlier in basis.intents}
        self._bench = bench
        self._is_open = False

    def __enter__(self) -> Self:
        """Return the attempt."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Mark an open intent as ended, so that no other run waits for this one."""
        if self._is_open:
            self._is_open = False
            self._write_ended()

    def open(self) -> None:
        """Write the intent to the ledger, then beside each slot, which proves that each can be written.

        Raises LedgerError, SinkError; SinkBusyError if a place is no longer as the plan saw it.
        """
        bench = self._bench
        self._is_open = True
        # The ledger first: a run of a manifest that no longer names a sink does not see the intent there.
        bench.retry(lambda: bench.note(self.intent), on=LedgerError)
        for slot in self._slots:
            over = bench.seen[slot].revision if slot in bench.seen else None
            note = partial(bench.sinks[slot.sink].intend, slot, self.intent, over=over)
            try:
                bench.retry(note, on=SinkUnavailableError)
            except SinkUnavailableError:
                # A refusal is not counted: nothing was issued, and it may be about this place alone.
                bench.breaker.note_failed(slot.sink)
                raise

    def abandon(self, *, is_overtaken: bool = False) -> None:
        """Close the intent, which led to nothing. One that an earlier run left open stays open, and keeps its count.

        `is_overtaken`: another run is about to deliver to the same places, so none is touched that can't compare: its
        note could be lost. What stays there goes with that delivery, or counts as over with its lease.
        """
        # That earlier run may have made a key: only a delivery, or the planner, may say that nothing is behind it.
        if self._continues:
            return
        self._is_open = False
        for slot in self._slots:
            sink = self._bench.sinks[slot.sink]
            if is_overtaken and not sink.abilities.compares:
                continue
            with suppress(KeyplanError):
                sink.retract(slot, self.intent)
        # An intent that cannot be closed is harmless: the next run finds nothing new behind it, and closes it.
        with suppress(LedgerError):
            self._bench.ledger.close_intent(self.intent.id)

    def close(self) -> None:
        """Take note that the intent was closed with the receipt."""
        self._is_open = False

    def _write_ended(self) -> None:
        ended = replace(self.intent, until=None)
        # Once each: a store that cannot be written keeps other runs waiting until the lease is over, and no longer.
        with suppress(KeyplanError):
            self._bench.note(ended)
        for slot in self._slots:
            with suppress(KeyplanError):
                self._bench.sinks[slot.sink].intend(slot, ended)


def _make_intent(action: PlannedAction, basis: IssueBasis | CopyBasis | ImportBasis, bench: Workbench) -> Intent:
    """Return a new intent, or the open one of an earlier run with one attempt more."""
    now, runner = bench.clock.now(), bench.runner
    is_copy = isinstance(basis, (CopyBasis, ImportBasis))
    # Neither makes a key, so it says nothing of markers.
    is_unmarked = not isinstance(basis, (CopyBasis, ImportBasis)) and basis.future_marker is None
    receipt = basis.receipt
    held = (*receipt.delivered, *(one.place for one in receipt.left)) if receipt else ()
    until = now + runner.lease
    if basis.intents and basis.intents[-1].attempts < MOST_ATTEMPTS:
        last = basis.intents[-1]
        # `alive_before` stays the first attempt's: what any attempt made since is a newcomer, and must be found.
        again = replace(
            last,
            attempts=last.attempts + 1,
            is_unmarked=is_unmarked or last.is_unmarked,
            runner=runner,
            until=until,
            held=held,
        )
        return again if is_copy else replace(again, verb=action.verb.value, key_id=action.key_id)
    identity = f"{basis.desired.owner} {action.address} {now.isoformat()} {runner.run}"
    return Intent(
        id=IntentId(hashlib.sha256(identity.encode()).hexdigest()[:16]),
        owner=basis.desired.owner,
        manifest_id=basis.desired.identity.id,
        address=action.address,
        verb=action.verb.value,
        key_id=None if is_copy else action.key_id,
        alive_before=basis.alive,
        at=now,
        is_unmarked=is_unmarked,
        runner=runner,
        until=until,
        held=held,
    )


def retract_intents(intents: Collection[IntentId], slots: Collection[Slot], bench: Workbench) -> None:
    """Remove intents of earlier runs, as the plan saw them; a sink that fails keeps them, which harms nothing."""
    for slot in slots:
        seen = bench.seen[slot].intent if slot in bench.seen else None
        if seen is not None and seen.id in intents:
            with suppress(KeyplanError):
                bench.sinks[slot.sink].retract(slot, seen)
