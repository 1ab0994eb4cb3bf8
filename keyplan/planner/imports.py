"""Row 1b of docs/planning.md: a declaration that says which key it is (`import: KEY_ID`), and what it holds.

An import changes nothing at the provider. No value is seen here: the sinks said which keys theirs can be, and that they
authenticate is checked by `applier.takeover`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from keyplan.model.basis import ImportBasis
from keyplan.model.identity import KeyId
from keyplan.model.manifest import Adopt
from keyplan.model.observation import Observation, Slot
from keyplan.model.plan import Guard, PlannedAction, Reason, Verb
from keyplan.planner.actions import block, create, list_alive, renew, replace_adopted
from keyplan.planner.case import Case
from keyplan.planner.diff import compare
from keyplan.planner.evidence import holding_of
from keyplan.planner.key_view import name_locations, view_desired, view_key
from keyplan.planner.records import leaves_import
from keyplan.planner.takeover import write_receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class _Obstacle:
    """Why a key can't be the declaration's."""

    reason: Reason
    text: str


def plan_import(case: Case) -> PlannedAction | None:
    """Return the action for a key that `import` names; None if it is recorded (docs/planning.md, row 1b)."""
    key_id = _name_key(case)
    if key_id is None or not _is_open(case, key_id):
        return None
    key = next((one for one in case.snapshot.keys if one.id == key_id), None)
    obstacle = _find_absence(case, key, key_id) or (_find_obstacle(case, key) if key else None)
    if key is None or obstacle:
        return _refuse(case, key_id, key, obstacle)
    if case.declaration.adopt is Adopt.REPLACE:
        return _make_successor(case, key)
    if case.declaration.adopt is Adopt.REFRESH:
        return refresh_adopted(case, key, Guard.IMPORT)
    return record_key(case, key)


def find_finished_import(case: Case) -> str:
    """Return a sentence if the line `import:` has done its work, because a marked key has replaced that key."""
    key_id, current = case.declaration.import_id, case.owned.current
    if key_id is None or current is None or current.id == key_id or current.marker is None:
        return ""
    return f"{case.declaration.address}: `import: {key_id}` has done its work and can be removed from the manifest"


def record_key(case: Case, key: Observation) -> PlannedAction:
    """Return the import of a key that is the declaration's, blocked if its places don't hold it and no value is given.

    The plan does not depend on whether a value is given: the digest is the same with and without.
    """
    places = _Places.of(case, key)
    obstacle = places.find_obstacle()
    written = places.written
    action = PlannedAction(
        address=case.declaration.address,
        verb=Verb.IMPORT,
        reason=obstacle.reason if obstacle else Reason.IMPORTED,
        key_id=key.id,
        before=view_key(key),
        after=view_desired(case.owned.desired),
        explanation="" if obstacle else "import: the key stays as it is, and is recorded as this declaration's",
        consequences=_describe_writes(case, written),
        locations=name_locations(case.slots),
        place=case.declaration.place,
        basis=ImportBasis(
            desired=case.owned.desired,
            key=key,
            receipt=write_receipt(case.owned, key, case.snapshot),
            alive=list_alive(case),
            intents=case.owned.intents,
            slots=case.slots,
            lacking=written,
            is_own_credential=key.id in case.snapshot.own_keys,
        ),
    )
    return block(action, Guard.IMPORT, obstacle.text) if obstacle else action


def _describe_writes(case: Case, written: tuple[Slot, ...]) -> tuple[str, ...]:
    if not written:
        return ()
    where = "there" if written == case.slots else "to " + " and ".join(map(str, written))
    return (f"the value that was given is written {where}",)


def refresh_adopted(case: Case, key: Observation, guard: Guard) -> PlannedAction:
    """Return the refresh by which a key becomes the declaration's; a create that `guard` blocks if none is possible."""
    # Only a refresh adopts: a replace would leave the key alive, and its owner unaware.
    action = renew(case, key, Reason.ADOPTED, compare(case.owned.desired, key, None))
    if action.verb is Verb.REFRESH:
        return action
    obstacle = action.explanation.removeprefix("replace: ")
    reason = Reason.IMPORTED if guard is Guard.IMPORT else Reason.FOREIGN
    return block(
        replace(create(case, reason), key_id=key.id, before=view_key(key)),
        guard,
        f"adopt: refresh is not possible ({obstacle}): declare the key as it is, or say adopt: replace",
    )


def holds_key(case: Case, key: Observation) -> bool:
    """Whether the declaration's places, and the value that was given, can hold the raw key of this key."""
    return _Places.of(case, key).find_obstacle() is None


def _make_successor(case: Case, key: Observation) -> PlannedAction | None:
    """Return the new key beside the one that is named, which ends after its overlap only with `retire_adopted`."""
    if not case.declaration.retire_adopted:
        note = f"key {key.id} stays as it is: with retire_adopted: true it ends after the overlap"
        return replace(create(case, Reason.ADOPTED), notes=(note,))
    # An interrupted run may have made the successor: then that one is finished, and this key is superseded by it.
    if case.owned.intents and len(case.owned.alive) > 1:
        return None
    return replace_adopted(case, key)


def _refuse(case: Case, key_id: KeyId, key: Observation | None, obstacle: _Obstacle | None) -> PlannedAction:
    reason, text = (obstacle.reason, obstacle.text) if obstacle else (Reason.IMPORTED, "")
    blocked = replace(create(case, reason), key_id=key_id, before=view_key(key) if key else None)
    return block(blocked, Guard.IMPORT, f"import: {key_id} is not possible: {text}")


def _name_key(case: Case) -> KeyId | None:
    """Return the key to take over, if the manifest names one, or an interrupted import had found it by its name."""
    declared, current = case.declaration, case.owned.current
    if declared.import_id is None and declared.adopt is Adopt.IMPORT and _is_interrupted(case):
        return current.id if current else None
    return declared.import_id


def _is_open(case: Case, key_id: KeyId) -> bool:
    """Whether the key is still to be taken over."""
    owned = case.owned
    if owned.current is not None and owned.current.id != key_id:
        return False
    if _is_interrupted(case):
        return True
    if case.declaration.adopt in (Adopt.REFRESH, Adopt.REPLACE) and owned.intents:
        # What an interrupted run began is finished by the rows below, as for any other key.
        return case.declaration.adopt is Adopt.REPLACE and case.declaration.retire_adopted
    if leaves_import(case.declaration) and owned.receipt is not None:
        return False
    return owned.current is None and not _is_recorded(case, key_id)


def _is_interrupted(case: Case) -> bool:
    """Whether an import of the address did not finish: its places may hold the value, and the ledger knows nothing."""
    return any(intent.verb == Verb.IMPORT.value for intent in case.owned.recorded_intents)


def _is_recorded(case: Case, key_id: KeyId) -> bool:
    receipt = case.owned.receipt
    return receipt is not None and (receipt.key_id == key_id or any(old.key_id == key_id for old in receipt.superseded))


def _find_absence(case: Case, key: Observation | None, key_id: KeyId) -> _Obstacle | None:
    """Return why the key does not live, as far as the provider shows."""
    if key is not None:
        has_ended = not key.is_live(case.now)
        return _Obstacle(reason=Reason.IMPORT_GONE, text=_ENDED) if has_ended else None
    if any(one.id == key_id for one in case.snapshot.revoked):
        return _Obstacle(reason=Reason.IMPORT_GONE, text=_ENDED)
    return _Obstacle(
        reason=Reason.IMPORT_UNSEEN,
        text="the provider does not show this key as active, nor as revoked: another account, another user's "
        "credential, or a space that is not visible? Compare the id with `keyplan list`",
    )


_ENDED = "the key has ended; remove the line to create a new key"


def _find_obstacle(case: Case, key: Observation) -> _Obstacle | None:
    """Return why a live key can't be the declaration's, whatever its places hold; None if it can."""
    text = _find_unfinished(case) or _find_owner(case, key) or _find_misfit(case, key)
    return _Obstacle(reason=Reason.IMPORTED, text=text) if text else None


def _find_unfinished(case: Case) -> str:
    is_import = case.declaration.adopt in (Adopt.REFUSE, Adopt.IMPORT)
    others = any(intent.verb != Verb.IMPORT.value for intent in case.owned.intents)
    return "an earlier run for this address did not finish" if is_import and others else ""


def _find_owner(case: Case, key: Observation) -> str:
    # A key that stays beside its successor is not taken over, so no declaration need own it.
    is_left = leaves_import(case.declaration) and key.marker is None
    if is_left or any(one.id == key.id for one in case.owned.alive):
        return ""
    owner = f"carries the marker of owner {key.marker.owner}" if key.marker else "belongs to another declaration"
    return f"the key {owner}"


def _find_misfit(case: Case, key: Observation) -> str:
    declared, spaces = case.declaration, case.owned.desired.scope_ids
    if key.key_type is not declared.key_type:
        return f"its type is {key.key_type.value if key.key_type else 'unknown'}, declared is {declared.key_type.value}"
    if key.name != declared.name:
        return f"its name is '{key.name}', declared is '{declared.name}'"
    # An empty set says that no space of it could be seen, not that it has none.
    if key.scope_ids and not key.scope_ids & set(spaces):
        return f"it is of another space ({', '.join(sorted(key.scope_ids))})"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """What the places of a declaration hold of one key, as far as their sinks can determine it."""

    key: Observation
    empty: tuple[Slot, ...]
    others: tuple[tuple[Slot, str], ...]
    """Places that hold something else, and what."""
    is_given: bool
    """Whether the user gave a value."""
    fits: bool
    """Whether that value can be the key's."""

    @classmethod
    def of(cls, case: Case, key: Observation) -> _Places:
        """Return what the places hold. A place that is not asked, or can't be read, is taken on trust."""
        snapshot = case.snapshot
        asked = [slot for slot in case.slots if snapshot.abilities[slot.sink].is_asked]
        held = [slot for slot in asked if holding_of(slot, snapshot).present]
        given = snapshot.given.get(case.declaration.address)
        return cls(
            key=key,
            empty=tuple(slot for slot in asked if slot not in held),
            others=tuple((slot, what) for slot in held if (what := _name_other(case, slot, key))),
            is_given=given is not None,
            fits=given is not None and key.id in given,
        )

    @property
    def written(self) -> tuple[Slot, ...]:
        """The places that the given value goes to; none if it is not needed, or not given."""
        if not self.fits or self.find_obstacle():
            return ()
        return (*self.empty, *(slot for slot, _ in self.others))

    def find_obstacle(self) -> _Obstacle | None:
        """Return what is missing; None if each place holds the key's value, or gets the one that was given."""
        if not self.empty and not self.others:
            return None
        if not self.key.redacted and (self.others or self.is_given):
            return _Obstacle(
                reason=Reason.IMPORT_MISMATCH,
                text=f"the provider shows nothing of the raw key of {self.key.id}, so no value can be compared: "
                "say adopt: replace for a new key, or adopt: refresh if the provider has that",
            )
        form = f" ({self.key.redacted})" if self.key.redacted else ""
        if self.is_given and not self.fits:
            return _Obstacle(
                reason=Reason.IMPORT_MISMATCH,
                text=f"the value that was given is not the raw key of {self.key.id}{form}: give that one, or none",
            )
        kept = [(slot, what) for slot, what in self.others if not (self.fits and slot.options.get("overwrite"))]
        if kept:
            told = "; ".join(f"{slot} holds {what}" for slot, what in kept)
            return _Obstacle(
                reason=Reason.IMPORT_MISMATCH,
                text=f"{told}: put the raw key of {self.key.id}{form} there, or say adopt: replace for a new key",
            )
        if self.fits:
            return None
        where, verb = " and ".join(map(str, self.empty)), "hold" if len(self.empty) > 1 else "holds"
        return _Obstacle(
            reason=Reason.IMPORT_UNHELD,
            text=f"{where} {verb} no value: give the raw key of {self.key.id}{form} with --values, put it there, "
            "or say adopt: replace for a new key",
        )


def _name_other(case: Case, slot: Slot, key: Observation) -> str:
    """Return what a filled place holds instead of the key's value; empty if it holds that, or can't be read."""
    matches = case.snapshot.matches.get(slot)
    if matches is None or key.id in matches:
        return ""
    return f"the raw key of {' or '.join(sorted(matches))}" if matches else "another value"
