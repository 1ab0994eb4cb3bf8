"""What the `command` sink does with its programs: stores, asks, keeps out of what is not ours.

In: slots, raw keys, receipts, intents. Out: programs run. Never: a value overwritten of which `describe` says that
somebody else put it there, an empty value.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from string import Formatter

from keyplan.errors import InputError, SinkDeniedError, SinkUnavailableError
from keyplan.model.manifest import Declaration, Delivery, Json, SinkSettings
from keyplan.model.observation import Abilities, Holding, Slot
from keyplan.model.receipt import CLOCK_SKEW, Intent, IntentId, Receipt
from keyplan.model.secret import RawKey
from keyplan.sinks import templates
from keyplan.sinks.command.programs import Description, Programs, argv_of
from keyplan.sinks.engine import format_of

PROGRAMS = ("argv", "describe", "annotate", "check", "remove")
"""Options that are programs with their arguments."""
_FIXED = ("describe", "annotate", "proof", "timeout")
_MOST_THREADS = 8
_TELLING = frozenset({"name", "address"})
"""Fields of which one in argv makes the slots of all declarations different."""


class CommandSink:
    """Implements Sink by programs of the user's. Safe for threads as far as those are."""

    def __init__(self, settings: SinkSettings, *, owner: str, programs: Programs) -> None:
        self._settings = settings
        self._owner = owner
        self._programs = programs
        self._describes = bool(settings.options.get("describe"))
        self._holds_receipts = self._describes and settings.options.get("proof", "receipt") == "receipt"
        self._annotates = self._holds_receipts and bool(settings.options.get("annotate"))
        self._stored: set[str] = set()
        """Locations that this run wrote, which are ours for certain."""

    @property
    def abilities(self) -> Abilities:
        """What the user's programs make possible."""
        return Abilities(
            holds_receipts=self._holds_receipts,
            readable=False,
            weak_proof=self._describes and not self._holds_receipts,
        )

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return the slot: the command line, with the address where that alone doesn't tell keys apart."""
        if fixed := [name for name in _FIXED if name in delivery.options]:
            raise InputError(
                f"{delivery.place}: '{fixed[0]}' can't differ for one key", advice="configure a second sink with it"
            )
        options = {**self._settings.options, **delivery.options}
        fields = templates.describe(owner, declaration)
        filled: dict[str, Json] = {name: _fill(options.get(name), fields) for name in PROGRAMS}
        line = shlex.join(_texts(filled["argv"]))
        location = line if _tells_apart(_texts(options["argv"])) else f"{line} ({declaration.address})"
        return Slot(sink=self._settings.name, location=location, options={**options, **filled, "about": dict(fields)})

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what `describe` says of each slot, some at once. Without it nothing is known, and all is assumed."""
        if not self._describes:
            # The ledger alone knows what was delivered; a sink that always said "nothing" would be filled at each run.
            return {slot: Holding(present=True) for slot in slots}
        with ThreadPoolExecutor(max_workers=_MOST_THREADS) as pool:
            return dict(zip(slots, pool.map(self._hold, slots), strict=True))

    def read(self, slot: Slot) -> RawKey | None:  # noqa: ARG002 - the same for all
        """Return None: no program is asked for a value."""
        return None

    def intend(self, slot: Slot, intent: Intent) -> None:
        """See that the program can be run, that `check` agrees, and that what is there is ours; note it if possible."""
        self._programs.refuse_unrunnable(slot, argv_of(slot, "argv")[0])
        found = self._look(slot)
        if found is not None:
            self._refuse_unwritable(slot, found, intent)
        if argv_of(slot, "check"):
            self._programs.check(slot, intent)
        if found is not None and self._annotates:
            self._programs.annotate(slot, intent.owner, found.receipt, intent)

    def retract(self, slot: Slot, intent_id: IntentId) -> None:
        """Remove that intent where it could be noted."""
        found = self._look(slot) if self._annotates else None
        if found is None or found.intent is None or found.intent.id != intent_id:
            return
        is_ours = found.receipt is not None or found.present
        self._programs.annotate(slot, _owner_of(found) if is_ours else None, found.receipt, None)

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt) -> None:
        """Hand over the raw key with its receipt, and see that `describe` shows it."""
        if raw.is_empty():
            raise SinkDeniedError(f"{slot.location}: an empty value is never written")
        found = self._look(slot)
        if found is not None:
            self._refuse_other_owner(slot, found, receipt.owner)
            if self._holds_receipts:
                self._refuse_persons(slot, found)
        content = format_of(slot).set(b"", raw.reveal(), receipt)
        self._programs.store(slot, content, raw, receipt)
        self._stored.add(slot.location)
        self._expect_stored(slot, receipt)

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Replace the receipt beside a value; nothing where there is none, or no program to do it."""
        found = self._look(slot) if self._holds_receipts else None
        if found is None:
            return
        self._refuse_other_owner(slot, found, receipt.owner)
        if found.present and self._annotates:
            self._programs.annotate(slot, receipt.owner, receipt, found.intent)

    def withdraw(self, slot: Slot, owner: str) -> None:
        """Have the value removed, where there is a program for it and the value is not known to be another's."""
        if not argv_of(slot, "remove") or slot.options.get("on_remove") == "keep":
            return
        found = self._look(slot)
        if found is not None and self._holds_receipts and _owner_of(found) != owner:
            return
        self._programs.remove(slot)
        self._stored.discard(slot.location)

    def _look(self, slot: Slot) -> Description | None:
        return self._programs.describe(slot) if self._describes else None

    def _hold(self, slot: Slot) -> Holding:
        found = self._programs.describe(slot)
        if not self._holds_receipts:
            return Holding(present=found.present, changed_at=found.changed_at if found.present else None)
        # Another owner's mark proves nothing to us: planned as undelivered, it is refused by `intend`.
        is_ours = _owner_of(found) == self._owner
        return Holding(
            present=found.present,
            receipt=found.receipt if is_ours and found.present else None,
            intent=found.intent if is_ours else None,
        )

    def _expect_stored(self, slot: Slot, receipt: Receipt) -> None:
        found = self._look(slot)
        if found is None:
            return
        lacks = "the value" if not found.present else "the receipt that came with the value"
        if not found.present or (self._holds_receipts and found.receipt != receipt):
            raise SinkUnavailableError(
                f"{slot.location}: the value was handed over, but describe does not show {lacks}",
                advice="see that argv keeps the field receipt of KEYPLAN_METADATA, and that describe prints it",
            )

    def _refuse_unwritable(self, slot: Slot, found: Description, intent: Intent) -> None:
        self._refuse_other_owner(slot, found, intent.owner)
        if self._holds_receipts:
            self._refuse_persons(slot, found)
        elif found.present and not self._is_known(slot, found, intent):
            raise _refusal(slot)

    def _is_known(self, slot: Slot, found: Description, intent: Intent) -> bool:
        """Whether a value without receipt is ours: by this run, an earlier one's receipt, an attempt cut short."""
        if slot.options.get("overwrite") or slot.location in self._stored:
            return True
        was_interrupted = intent.attempts > 1 and found.changed_at is not None
        is_recent = was_interrupted and found.changed_at is not None and found.changed_at >= intent.at - CLOCK_SKEW
        return is_recent or slot.delivered in intent.held

    def _refuse_persons(self, slot: Slot, found: Description) -> None:
        if found.present and _owner_of(found) is None and not slot.options.get("overwrite"):
            raise _refusal(slot)

    def _refuse_other_owner(self, slot: Slot, found: Description, owner: str) -> None:
        other = _owner_of(found)
        if other not in (None, owner):
            raise SinkDeniedError(
                f"{slot.location}: belongs to the manifest of '{other}'",
                advice="choose another place, or let that manifest give it up first",
            )


def _owner_of(found: Description) -> str | None:
    if found.receipt is not None:
        return found.receipt.owner
    return found.intent.owner if found.intent is not None else found.owner


def _refusal(slot: Slot) -> SinkDeniedError:
    return SinkDeniedError(
        f"{slot.location}: something is there that keyplan did not put there",
        advice="move it away, choose another place, or set 'overwrite: true' on this sink",
    )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(part) for part in value) if isinstance(value, list | tuple) else ()


def _fill(argv: object, fields: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(templates.fill(part, fields, templates.to_path_part) for part in _texts(argv))


def _tells_apart(argv: tuple[str, ...]) -> bool:
    return any(field in _TELLING for part in argv for _, field, _, _ in Formatter().parse(part))
