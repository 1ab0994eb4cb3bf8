"""What stands against acting on a declaration at all: row 0 of docs/planning.md.

Each of these blocks one address, from the first key on, and says what to do. The other addresses go on.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.model.identity import KeyId, read_provider
from keyplan.model.observation import Observation, Snapshot
from keyplan.model.plan import Guard, PlannedAction, Reason
from keyplan.model.receipt import Receipt
from keyplan.planner.actions import block, create
from keyplan.planner.case import Case
from keyplan.planner.records import is_unreachable


def is_unseen(receipt: Receipt | None, snapshot: Snapshot) -> bool:
    """Whether a receipt names a key that should live, and that the provider shows neither as active nor as revoked."""
    if receipt is None or receipt.forgotten:
        return False
    if is_unreachable(receipt.address, snapshot):
        return True
    if snapshot.laws_of(read_provider(receipt.address)).listing_proves_absence:
        return False
    if receipt.expires_at is not None and receipt.expires_at <= snapshot.now:
        return False
    return not any(key.id == receipt.key_id for key in (*snapshot.keys, *snapshot.revoked))


def find_obstacle(case: Case) -> PlannedAction | None:
    """Return the blocked action of a declaration whose keys can't be judged, or None (docs/planning.md, row 0)."""
    if case.undecided and case.owned.current is None:
        return _block_unknown_creator(case, case.undecided)
    if case.is_unseen and case.owned.receipt:
        return _block_unseen(case, case.owned.receipt.key_id)
    if case.strays and not case.owned.alive and not case.may_create_beside:
        return _block_stray(case, case.strays)
    return None


def hold_doubtful(case: Case, action: PlannedAction) -> PlannedAction:
    """Return the action, blocked if a place of the declaration bears a claim that is not believed."""
    # A place of a claim that is not believed counts as lacking the key, so an action never merely keeps it.
    if not case.doubts or action.blocked or case.is_over_claim:
        return action
    address = case.declaration.address
    named = "; ".join(str(doubt) for doubt in case.doubts)
    return block(
        replace(action, reason=Reason.RECEIPT_NOT_BELIEVED),
        Guard.RECEIPT_NOT_BELIEVED,
        f"{named}. Find out who wrote it; then empty the place, or run "
        f"`keyplan rotate '{address}' --over-claim` to write a new key over it",
    )


def _block_unknown_creator(case: Case, marked: tuple[Observation, ...]) -> PlannedAction:
    key = marked[0]
    who = f"creators: [{key.created_by}]" if key.created_by else "creators: [USER_ID]"
    return _block(
        case,
        Reason.UNKNOWN_CREATOR,
        Guard.UNKNOWN_CREATOR,
        f"key {key.id} carries this manifest's marker, and the provider does not show as whom keyplan works: if that "
        f"key is yours, add `{who}` under provider in the manifest",
        key.id,
    )


def _block_unseen(case: Case, key_id: KeyId) -> PlannedAction:
    return _block(
        case,
        Reason.UNSEEN,
        Guard.UNSEEN,
        f"key {key_id} was delivered, and the provider shows it neither as active nor as revoked: another account, "
        "another user's credential, a right that was lost, or a space that is not visible? If it is really gone, use "
        f"--allow-missing {case.unseen_count}",
        key_id,
    )


def _block_stray(case: Case, strays: tuple[Observation, ...]) -> PlannedAction:
    key = strays[0]
    return _block(
        case,
        Reason.STRAY,
        Guard.STRAY,
        f"key {key.id} carries this owner's marker without a manifest id, and neither ledger nor place knows it: "
        f"another manifest of the same owner may have made it. If it is this declaration's, add `import: {key.id}` "
        "to it; if not, `adopt: replace` creates a key beside it",
        key.id,
    )


def _block(case: Case, reason: Reason, guard: Guard, advice: str, key_id: KeyId) -> PlannedAction:
    return block(replace(create(case, reason), key_id=key_id), guard, advice)
