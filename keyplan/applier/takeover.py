"""Import: a key that another tool or a user made and delivered becomes ours, by a receipt and nothing at the provider.

No raw key is shown, only one that the user gave is moved, and a value that is not the key's never gets a receipt.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from keyplan.applier.deliver import annotate, deliver
from keyplan.applier.intent import Attempt, retract_intents
from keyplan.applier.outcome import TRIES_AGAIN, fail, fail_undelivered, foretell
from keyplan.applier.retire import vacate
from keyplan.applier.workbench import Workbench
from keyplan.errors import KeyplanError, RefusedError
from keyplan.model.basis import ImportBasis
from keyplan.model.identity import SinkName
from keyplan.model.intent import Intent, IntentId
from keyplan.model.observation import Holding, Observation, Slot
from keyplan.model.plan import PlannedAction
from keyplan.model.receipt import Receipt
from keyplan.model.report import Done, Failed, Outcome
from keyplan.model.secret import RawKey
from keyplan.ports import KeyReader, Sink

_GIVE_AGAIN = "goes on where this one ended, if the value is given again"


def is_dead(reader: KeyReader, key_id: str) -> bool:
    """Whether the provider lists a key of that id among the revoked ones. Raises ProviderError."""
    return any(key.id == key_id for key in reader.search_keys(key_type=None, active=False, scope_id=None))


def check_sinks(
    key: Observation, slots: tuple[Slot, ...], *, sinks: Mapping[SinkName, Sink], holdings: Mapping[Slot, Holding]
) -> tuple[Slot, ...]:
    """Return the slots whose value could not be read, and is taken on trust.

    Raises RefusedError if one holds nothing, or a value that the key's redacted form does not fit; SinkError.
    """
    trusted = []
    for slot in slots:
        if not holdings[slot].present:
            raise RefusedError(
                f"{slot.sink}:{slot.location} holds no value", advice="put the key's raw key there first"
            )
        if not sinks[slot.sink].abilities.readable:
            trusted.append(slot)
        elif not _fits(sinks[slot.sink], slot, key.redacted):
            raise RefusedError(
                f"{slot.sink}:{slot.location} holds another value than the raw key of {key.id}",
                advice="import the key that it holds, or put this one's raw key there",
            )
    return tuple(trusted)


def check_values(
    key: Observation, slots: tuple[Slot, ...], bench: Workbench, *, holdings: Mapping[Slot, Holding]
) -> tuple[Slot, ...]:
    """Return the slots that are taken on trust; every other one holds a raw key of the key that authenticates.

    Raises RefusedError as `check_sinks` does, and if a value does not authenticate; SinkError, ProviderError.
    """
    trusted = check_sinks(key, slots, sinks=bench.sinks, holdings=holdings)
    for slot in slots:
        if slot not in trusted and not _authenticates(slot, bench):
            raise RefusedError(
                f"{slot}: the value there does not authenticate", advice="put the key's current raw key there"
            )
    return trusted


def record_import(
    receipt: Receipt, slots: tuple[Slot, ...], bench: Workbench, *, closes: Collection[IntentId] = ()
) -> None:
    """Write a receipt beside every value, then to the ledger, whose lock is held. Raises SinkError, LedgerError."""
    # The sinks first: one that holds another owner's value refuses, and then nothing is recorded.
    annotate(slots, receipt, bench)
    bench.record(receipt, closes=closes)


def import_key(action: PlannedAction, basis: ImportBasis, bench: Workbench) -> Outcome:
    """Record a key that exists as the declaration's, once its places hold it; the value that was given fills the rest.

    Nothing at the provider changes. No value is written before all are known to be the key's, and to authenticate.
    """
    held = tuple(slot for slot in basis.slots if slot not in basis.lacking)
    try:
        trusted = _check_held(basis, held, bench)
        raw = _verify_given(action, basis, bench) if basis.lacking else None
    except KeyplanError as error:
        return fail(action, error, TRIES_AGAIN)
    done = _record(action, basis, basis.receipt, bench) if raw is None else _fill(action, basis, raw, bench)
    if isinstance(done, Failed):
        return done
    notes = (f"{slot} cannot be read: that it holds the key is taken on trust" for slot in trusted)
    return replace(done, notes=(*notes, *done.notes))


def _check_held(basis: ImportBasis, held: tuple[Slot, ...], bench: Workbench) -> tuple[Slot, ...]:
    """Return the places that are taken on trust. Raises RefusedError if one holds no working raw key of the key."""
    found = {slot: one for name in _name_sinks(held) for slot, one in _inspect(name, held, bench)}
    return check_values(basis.key, held, bench, holdings=found)


def _verify_given(action: PlannedAction, basis: ImportBasis, bench: Workbench) -> RawKey:
    """Return the value that was given. Raises RefusedError if it is not the key's, or does not authenticate."""
    raw = bench.values.get(action.address)
    # Seen by the planner, too: this is the last moment before it is written.
    if raw is None or not raw.fits(basis.key.redacted):
        raise RefusedError(f"the value that was given for {action.address} is not the raw key of {basis.key.id}")
    if not bench.accepts(raw):
        raise RefusedError(
            f"the value that was given for {action.address} does not authenticate",
            advice="give the key's current raw key",
        )
    return raw


def _fill(action: PlannedAction, basis: ImportBasis, raw: RawKey, bench: Workbench) -> Done | Failed:
    """Write the value into the places that lack it, with the intent that lets the next run finish; then record."""
    receipt = replace(basis.receipt, fingerprint=raw.fingerprint(basis.key.id))
    with Attempt(action, basis, bench) as attempt:
        try:
            attempt.open()
        except KeyplanError as error:
            attempt.abandon()
            return fail(action, error, foretell(action, attempt.intent, TRIES_AGAIN))
        delivery = deliver(basis.lacking, raw, receipt, attempt.intent, bench)
        if delivery.failures:
            if delivery.is_nowhere:
                attempt.abandon()
            return fail_undelivered(action, delivery, foretell(action, attempt.intent, _GIVE_AGAIN))
        done = _record(action, basis, receipt, bench, intent=attempt.intent)
        if isinstance(done, Done):
            attempt.close()
            return replace(done, delivered=delivery.locations)
        return done


def _record(
    action: PlannedAction, basis: ImportBasis, receipt: Receipt, bench: Workbench, *, intent: Intent | None = None
) -> Done | Failed:
    """Write the receipt beside the values and into the ledger, and empty the places that the address leaves."""
    earlier = tuple(one.id for one in basis.intents)
    closes = (intent.id, *earlier) if intent else earlier
    try:
        record_import(receipt, basis.slots, bench, closes=closes)
        retract_intents(earlier, basis.slots, bench)
        notes = vacate(receipt, basis.vacated, bench)
    except KeyplanError as error:
        return fail(action, error, TRIES_AGAIN)
    return Done(action=action, key_id=basis.key.id, notes=notes)


def _name_sinks(slots: tuple[Slot, ...]) -> frozenset[SinkName]:
    return frozenset(slot.sink for slot in slots)


def _inspect(name: SinkName, slots: tuple[Slot, ...], bench: Workbench) -> Iterable[tuple[Slot, Holding]]:
    return bench.sinks[name].inspect(tuple(slot for slot in slots if slot.sink == name)).items()


def _authenticates(slot: Slot, bench: Workbench) -> bool:
    raw = bench.sinks[slot.sink].read(slot)
    return raw is not None and bench.accepts(raw)


def _fits(sink: Sink, slot: Slot, redacted: str) -> bool:
    raw = sink.read(slot)
    return raw is not None and raw.fits(redacted)
