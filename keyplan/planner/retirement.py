"""What becomes of a declaration's further live keys: rows 7 and 14 of DESIGN section 6.

In: a case and the action planned for its declaration. Out: an action per further key. A superseded key is
deleted only beside an action that leaves the current key delivered to every sink, and while that is still to
come, its overlap has not begun to run: consumers of a sink that lags behind hold the old key.
"""

from __future__ import annotations

from collections.abc import Iterator

from keyplan.model.manifest import Retire
from keyplan.model.observation import Observation
from keyplan.model.plan import DeleteBasis, OldKeyBasis, PlannedAction, Reason, Verb
from keyplan.model.receipt import Superseded
from keyplan.planner.evidence import Case
from keyplan.planner.strategy import find_overlap
from keyplan.planner.views import picture


def remaining(case: Case, key: Observation | None) -> tuple[Superseded, ...]:
    """Return the address's old keys that live on beside `key`, with their deadlines, sorted."""
    others = [old for old in case.estate.alive if key is None or old.id != key.id]
    return tuple(sorted(_entry(case, old) for old in others if not _is_nobodys(case, old))) if others else ()


def retire(case: Case, main: PlannedAction) -> Iterator[PlannedAction]:
    """Yield an action for each live key of the estate that the main action does not deal with."""
    if main.blocked:
        return
    for key in case.estate.alive:
        if key.id == main.key_id:
            continue
        if _is_nobodys(case, key):
            yield _action(case, key, Verb.DELETE, Reason.UNFINISHED, "its raw key was lost, so nobody holds it")
        else:
            yield _retire_old(case, key, _entry(case, key))


def _is_nobodys(case: Case, key: Observation) -> bool:
    """Whether a key was never delivered for certain. What a sink may hold unseen is treated as held."""
    return key in case.estate.newer and not case.can_hide_a_key


def _retire_old(case: Case, key: Observation, entry: Superseded) -> PlannedAction:
    rotation = case.declaration.rotation
    if entry.delete_after > case.now:
        if _was_switched_from(case, key):
            detail = f"works until the overlap is over at {entry.delete_after.isoformat(timespec='seconds')}"
        else:
            # Not an instant: it would make every plan another one, and none that was saved could be applied.
            detail = "works until the overlap is over, which starts when the new key is in every sink"
        return _action(case, key, Verb.KEEP, Reason.OVERLAPPING, detail)
    last_use = key.last_used_at
    if rotation.retire is Retire.WHEN_UNUSED and last_use and last_use > entry.switched_at - rotation.settle:
        detail = (
            f"last used {last_use.isoformat(timespec='seconds')}, "
            f"switched {entry.switched_at.isoformat(timespec='seconds')}: a consumer lags behind"
        )
        return _action(case, key, Verb.KEEP, Reason.STILL_USED, detail)
    return _action(case, key, Verb.DELETE, Reason.SUPERSEDED, "its overlap is over")


def _entry(case: Case, key: Observation) -> Superseded:
    """Return what is remembered of a superseded key, or what the time of the switch leads to."""
    estate, overlap = case.estate, find_overlap(case.declaration.rotation)
    remembered = estate.superseded.get(key.id)
    is_over = _was_switched_from(case, key)
    if is_over and remembered:
        return remembered
    switched_at = estate.receipt.delivered_at if is_over and estate.receipt else case.now
    delete_after = switched_at + overlap
    if remembered:
        delete_after = max(delete_after, remembered.delete_after)
    return Superseded(key_id=key.id, switched_at=switched_at, delete_after=delete_after)


def _was_switched_from(case: Case, key: Observation) -> bool:
    """Whether consumers of every sink have had a younger key than this one to read."""
    return case.is_settled and key in case.estate.older


def _action(case: Case, key: Observation, verb: Verb, reason: Reason, explanation: str) -> PlannedAction:
    basis = DeleteBasis if verb is Verb.DELETE else OldKeyBasis
    return PlannedAction(
        address=case.declaration.address,
        verb=verb,
        reason=reason,
        key_id=key.id,
        before=picture(key),
        explanation=explanation,
        place=case.declaration.place,
        basis=basis(
            desired=case.estate.desired,
            key=key,
            slots=case.slots,
            is_own_credential=key.id in case.snapshot.own_keys,
        ),
    )
