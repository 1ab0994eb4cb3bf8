"""Which keys the values of places can be: asked only for keys that are still to be imported.

Values are compared by their redacted forms inside the sinks, and none comes out of them here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from keyplan.model.identity import Address, KeyId, SinkName
from keyplan.model.manifest import Adopt, Declaration, Manifest
from keyplan.model.observation import Observation, Slot, Snapshot
from keyplan.model.secret import RawKey
from keyplan.ports import Matchable, SinkReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """Which keys values can be, by their redacted forms."""

    held: Mapping[Slot, frozenset[KeyId]] = field(default_factory=dict)
    """Of places; one that can't be read is left out."""
    given: Mapping[Address, frozenset[KeyId]] = field(default_factory=dict)
    """Of addresses for which the user gave a value."""


def list_open_imports(manifest: Manifest, snapshot: Snapshot) -> tuple[Declaration, ...]:
    """Return the declarations that may take a key over, and of which the ledger names no live key."""
    wanted = tuple(one for one in manifest.keys if one.import_id or one.adopt is Adopt.IMPORT)
    if not wanted:  # nearly always
        return ()
    live = {key.id for key in snapshot.keys if key.is_live(snapshot.now)}
    recorded = {one.address for one in snapshot.receipts if one.key_id in live and not one.forgotten}
    return tuple(one for one in wanted if one.address not in recorded)


def find_matches(
    wanted: Iterable[Declaration],
    snapshot: Snapshot,
    sinks: Mapping[SinkName, SinkReader],
    values: Mapping[Address, RawKey],
) -> Matches:
    """Return which keys the values of these declarations' places can be, and those that the user gave.

    Raises SinkError if a sink that can be read can't be looked at.
    """
    forms: dict[Slot, dict[KeyId, str]] = {}
    given: dict[Address, frozenset[KeyId]] = {}
    for declared in wanted:
        candidates = {key.id: key.redacted for key in snapshot.keys if key.redacted and _is_candidate(key, declared)}
        slots = snapshot.slots[declared.address]
        filled = (slot for slot in slots if slot in snapshot.holdings and snapshot.holdings[slot].present)
        forms |= dict.fromkeys(filled, candidates)
        if (raw := values.get(declared.address)) is not None:
            given[declared.address] = frozenset(key_id for key_id, form in candidates.items() if raw.fits(form))
    return Matches(held=_ask(forms, sinks), given=given)


def _is_candidate(key: Observation, declared: Declaration) -> bool:
    # Namesakes as well: the value of the one in the place of the other is the mistake that is easily made.
    return key.id == declared.import_id or (key.name, key.key_type) == (declared.name, declared.key_type)


def _ask(
    forms: Mapping[Slot, Mapping[KeyId, str]], sinks: Mapping[SinkName, SinkReader]
) -> dict[Slot, frozenset[KeyId]]:
    by_sink: defaultdict[SinkName, dict[Slot, Collection[str]]] = defaultdict(dict)
    for slot, candidates in forms.items():
        by_sink[slot.sink][slot] = frozenset(candidates.values())
    found: dict[Slot, frozenset[KeyId]] = {}
    for name, asked in by_sink.items():
        sink = sinks[name]
        for slot, fitting in sink.match(asked).items() if isinstance(sink, Matchable) else ():
            found[slot] = frozenset(key_id for key_id, form in forms[slot].items() if form in fitting)
    return found
