"""The user's programs as a store of the sink `command`: what they show, and what they are run for.

A raw key reaches a program on its standard input only. Nothing is decided here.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from string import Formatter

from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.examination import Finding
from keyplan.model.identity import SinkName
from keyplan.model.manifest import Declaration, Json
from keyplan.model.observation import Abilities, Slot
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.sinks import templates
from keyplan.sinks.command.programs import Description, Programs, argv_of
from keyplan.sinks.notes import Entry
from keyplan.sinks.value_store import Decide, Loaded, Presence, find_broken

PROGRAMS = ("argv", "describe", "annotate", "check", "remove")
"""Options that are programs with their arguments."""
_MOST_THREADS = 8
_TELLING = frozenset({"name", "address"})
"""Fields of which one in argv makes the slots of all declarations different."""


def fill_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
    """Return the slot: the command line, with the address if that alone does not distinguish keys."""
    fields = templates.describe(owner, declaration)
    filled: dict[str, Json] = {name: _fill(options.get(name), fields) for name in PROGRAMS}
    line = shlex.join(_texts(filled["argv"]))
    location = line if _tells_apart(_texts(options["argv"])) else f"{line} ({declaration.address})"
    return Slot(sink=sink, location=location, options={**options, **filled, "about": dict(fields)})


class CommandStore:
    """Implements ValueStore and ExaminableStore by programs. Safe for threads as far as those are."""

    def __init__(self, programs: Programs, options: Mapping[str, Json]) -> None:
        """Take the sink's options: which programs there are, and what `describe` proves."""
        self._programs = programs
        self._describes = bool(options.get("describe"))
        self._holds_receipts = self._describes and options.get("proof", "receipt") == "receipt"
        self._annotates = self._holds_receipts and bool(options.get("annotate"))

    @property
    def abilities(self) -> Abilities:
        """What the user's programs make possible."""
        return Abilities(
            holds_receipts=self._holds_receipts,
            readable=False,
            weak_proof=self._describes and not self._holds_receipts,
            holds_intents=self._annotates or not self._holds_receipts,
        )

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        """Return what `describe` says of each slot, several at once; without it nothing is known."""
        with ThreadPoolExecutor(max_workers=_MOST_THREADS) as pool:
            return dict(zip(slots, pool.map(self._load, slots), strict=True))

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:
        """Run the programs that bring a change about. Nothing keeps other writers out."""
        if create:
            self._programs.refuse_unrunnable(slot, argv_of(slot, "argv")[0])
        change = decide(self._load(slot))
        if change is None:
            return
        if change.must_prove and change.entry and change.entry.intent and argv_of(slot, "check"):
            self._programs.check(slot, change.entry.intent)
        if change.content is None:
            self._note(slot, change.entry)
        elif change.raw is not None and change.entry and change.entry.receipt:
            self._store(slot, change.content, change.raw, change.entry.receipt)
        elif argv_of(slot, "remove"):
            self._programs.remove(slot)

    def examine(self, slots: Mapping[Slot, Loaded], /) -> Iterator[Finding]:
        """Yield a finding for each slot with a program that can't be run."""
        known: dict[str, SinkDeniedError | None] = {}
        for slot in slots:
            found = [self._find_missing(slot, option, known) for option in PROGRAMS]
            yield from (find_broken(error, slot) for error in found if error is not None)

    def _find_missing(
        self, slot: Slot, option: str, known: dict[str, SinkDeniedError | None]
    ) -> SinkDeniedError | None:
        """Return why an option's program can't be run; each program is looked for once."""
        program = next(iter(argv_of(slot, option)), None)
        if program is None:
            return None
        if program not in known:
            known[program] = None
            try:
                self._programs.refuse_unrunnable(slot, program)
            except SinkDeniedError as error:
                known[program] = error
        return known[program]

    def _load(self, slot: Slot) -> Loaded:
        if not self._describes:
            # The ledger alone knows what was delivered; a sink that always said "nothing" would be filled at each run.
            return Loaded(presence=Presence.ASSUMED)
        found = self._programs.describe(slot)
        owner = _owner_of(found)
        return Loaded(
            presence=Presence.PRESENT if found.present else Presence.AS_READ,
            owner=owner,
            entry=Entry(owner=owner, receipt=found.receipt, intent=found.intent)
            if owner and self._holds_receipts
            else None,
            changed_at=found.changed_at,
        )

    def _note(self, slot: Slot, entry: Entry | None) -> None:
        if not self._annotates:
            return
        if entry is None:
            self._programs.annotate(slot, None, None, None)
        else:
            self._programs.annotate(slot, entry.owner, entry.receipt, entry.intent)

    def _store(self, slot: Slot, content: bytes, raw: RawKey, receipt: Receipt) -> None:
        """Hand over a value, and make sure that `describe` shows it."""
        self._programs.store(slot, content, raw, receipt)
        if not self._describes:
            return
        found = self._programs.describe(slot)
        lacks = "the value" if not found.present else "the receipt that came with the value"
        if not found.present or (self._holds_receipts and found.receipt != receipt):
            raise SinkUnavailableError(
                f"{slot.location}: the value was handed over, but describe does not show {lacks}",
                advice="see that argv keeps the field receipt of KEYPLAN_METADATA, and that describe prints it",
            )


def _owner_of(found: Description) -> str:
    """Return whose the value is; empty if nothing says so."""
    if found.receipt is not None:
        return found.receipt.owner
    return (found.intent.owner if found.intent is not None else found.owner) or ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(part) for part in value) if isinstance(value, list | tuple) else ()


def _fill(argv: object, fields: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(templates.fill(part, fields, templates.to_path_part) for part in _texts(argv))


def _tells_apart(argv: tuple[str, ...]) -> bool:
    return any(field in _TELLING for part in argv for _, field, _, _ in Formatter().parse(part))
