"""Row 1b of docs/planning.md: a declaration that says which key it is (`import: KEY_ID`).

An import changes nothing at the provider. What the sinks hold is checked later, by `applier.takeover`.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.model.basis import ImportBasis
from keyplan.model.identity import KeyId
from keyplan.model.observation import Observation
from keyplan.model.plan import Guard, PlannedAction, Reason, Verb
from keyplan.planner.actions import block, create
from keyplan.planner.case import Case
from keyplan.planner.key_view import name_locations, view_desired, view_key
from keyplan.planner.takeover import write_receipt


def plan_import(case: Case) -> PlannedAction | None:
    """Return the action for a key that `import` names; None if it is recorded (docs/planning.md, row 1b)."""
    key_id, owned = case.declaration.import_id, case.owned
    if key_id is None or owned.current is not None or _is_recorded(case, key_id):
        return None
    key = next((one for one in case.snapshot.keys if one.id == key_id), None)
    obstacle = _find_obstacle(case, key)
    if key is None or obstacle:
        blocked = replace(create(case, Reason.IMPORTED), key_id=key_id, before=view_key(key) if key else None)
        return block(blocked, Guard.IMPORT, f"import: {key_id} is not possible: {obstacle}")
    return PlannedAction(
        address=case.declaration.address,
        verb=Verb.IMPORT,
        reason=Reason.IMPORTED,
        key_id=key.id,
        before=view_key(key),
        after=view_desired(owned.desired),
        explanation="import: the key stays as it is, and is recorded as this declaration's",
        locations=name_locations(case.slots),
        place=case.declaration.place,
        basis=ImportBasis(
            desired=owned.desired,
            key=key,
            receipt=write_receipt(owned, key, case.snapshot),
            slots=case.slots,
            is_own_credential=key.id in case.snapshot.own_keys,
        ),
    )


def find_finished_import(case: Case) -> str:
    """Return a sentence if the line `import:` has done its work, because a marked key has replaced that key."""
    key_id, current = case.declaration.import_id, case.owned.current
    if key_id is None or current is None or current.id == key_id or current.marker is None:
        return ""
    return f"{case.declaration.address}: `import: {key_id}` has done its work and can be removed from the manifest"


def _is_recorded(case: Case, key_id: KeyId) -> bool:
    receipt = case.owned.receipt
    return receipt is not None and (receipt.key_id == key_id or any(old.key_id == key_id for old in receipt.superseded))


def _find_obstacle(case: Case, key: Observation | None) -> str:
    """Return why the key can't be the declaration's; empty if it can, as far as the provider shows."""
    if key is None:
        return "the provider does not show this key as active; remove the line to create a new key"
    if not key.is_live(case.now):
        return "the key has ended; remove the line to create a new key"
    if case.owned.intents:
        return "an earlier run for this address did not finish"
    if all(one.id != key.id for one in case.owned.alive):
        owner = f"carries the marker of owner {key.marker.owner}" if key.marker else "belongs to another declaration"
        return f"the key {owner}"
    return _find_misfit(case, key)


def _find_misfit(case: Case, key: Observation) -> str:
    declared, spaces = case.declaration, case.owned.desired.space_ids
    if key.key_type is not declared.key_type:
        return f"its type is {key.key_type.value if key.key_type else 'unknown'}, declared is {declared.key_type.value}"
    if key.name != declared.name:
        return f"its name is '{key.name}', declared is '{declared.name}'"
    # An empty set says that no space of it could be seen, not that it has none.
    if key.space_ids and not key.space_ids & set(spaces):
        return f"it is of another space ({', '.join(sorted(key.space_ids))})"
    return ""
