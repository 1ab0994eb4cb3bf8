"""What happens to the further live keys of a declaration: rows 7 and 14 of docs/planning.md.

A superseded key is deleted only beside an action that leaves the current key in every slot. Until then its overlap has
not begun: consumers of a sink that lags behind still hold the old key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from keyplan.model.basis import DeleteBasis, OldKeyBasis
from keyplan.model.explanation import TableRow
from keyplan.model.manifest import Retire
from keyplan.model.observation import Observation
from keyplan.model.plan import PlannedAction, Reason, Verb
from keyplan.model.receipt import Superseded
from keyplan.model.times import write_second
from keyplan.planner.case import Case
from keyplan.planner.key_view import view_key
from keyplan.planner.strategy import find_overlap


def list_superseded(case: Case, key: Observation | None) -> tuple[Superseded, ...]:
    """Return the superseded keys that live on beside `key`, with their deadlines, sorted."""
    owned = case.owned
    if key is owned.current and not owned.newer and not owned.older:  # nearly always
        return ()
    others = [old for old in owned.alive if key is None or old.id != key.id]
    return tuple(sorted(_superseded_entry(case, old) for old in others if not _was_never_delivered(case, old)))


def _superseded_entry(case: Case, key: Observation) -> Superseded:
    """Return what the receipt remembers of a superseded key, or what follows from the time of the switch."""
    owned, overlap = case.owned, find_overlap(case.declaration.rotation)
    remembered = owned.superseded.get(key.id)
    is_over = _was_switched_from(case, key)
    # A deadline that was announced stays, even if the declared overlap is shortened or lengthened since.
    if is_over and remembered:
        return remembered
    switched_at = owned.receipt.delivered_at if is_over and owned.receipt else case.now
    delete_after = switched_at + overlap
    if remembered:
        # Not delivered everywhere yet: the deadline moves on with the clock, and never back.
        delete_after = max(delete_after, remembered.delete_after)
    return Superseded(key_id=key.id, switched_at=switched_at, delete_after=delete_after)


def _was_switched_from(case: Case, key: Observation) -> bool:
    """Whether every sink offers its consumers a younger key than this one: then its overlap runs."""
    return case.is_fully_delivered and key in case.owned.older


def _was_never_delivered(case: Case, key: Observation) -> bool:
    """Whether a key was certainly never delivered (docs/planning.md, row 7). In doubt a sink holds it."""
    return key in case.owned.newer and not case.may_hold_unrecorded_key


def plan_old_keys(case: Case, main: PlannedAction) -> Iterator[PlannedAction]:
    """Yield an action for each live key of the declaration that its own action does not deal with."""
    # The new key may never come, so nothing that still works may go.
    if main.blocked:
        return
    for key in case.owned.alive:
        # A refreshed or replaced key is the main action's own business.
        if key.id == main.key_id:
            continue
        if _was_never_delivered(case, key):
            lost = _action(case, key, Verb.DELETE, Reason.UNFINISHED, "its raw key was lost, so no consumer holds it")
            yield case.trace.assign(TableRow.LOST, lost)
        else:
            yield case.trace.assign(TableRow.OLD_KEY, _plan_superseded(case, key, _superseded_entry(case, key)))


def _plan_superseded(case: Case, key: Observation, entry: Superseded) -> PlannedAction:
    """Return whether a superseded key ends now or lives on (docs/planning.md, row 14)."""
    rotation = case.declaration.rotation
    if case.ends_at_once:
        return replace(_action(case, key, Verb.DELETE, Reason.SUPERSEDED, "the user asked for it"), cuts_off=True)
    if entry.delete_after > case.now:
        if _was_switched_from(case, key):
            detail = f"valid until {write_second(entry.delete_after)}, when its overlap is over"
        else:
            # Not an instant: it would differ in every plan, and no saved plan could be applied.
            detail = "valid until its overlap is over, which starts when the new key is in every sink"
        return _action(case, key, Verb.KEEP, Reason.OVERLAPPING, detail)
    # docs/arize-api.md, A27: the time is approximate, so a use shortly before the switch may be one after it.
    last_use = key.last_used_at
    if rotation.retire is Retire.WHEN_UNUSED and last_use and last_use > entry.switched_at - rotation.settle:
        detail = (
            f"last used {write_second(last_use)}, switched {write_second(entry.switched_at)}: a consumer lags behind"
        )
        return _action(case, key, Verb.KEEP, Reason.STILL_USED, detail)
    return _action(case, key, Verb.DELETE, Reason.SUPERSEDED, "its overlap is over")


def _action(case: Case, key: Observation, verb: Verb, reason: Reason, explanation: str) -> PlannedAction:
    basis = DeleteBasis if verb is Verb.DELETE else OldKeyBasis
    return PlannedAction(
        address=case.declaration.address,
        verb=verb,
        reason=reason,
        key_id=key.id,
        before=view_key(key),
        explanation=explanation,
        place=case.declaration.place,
        basis=basis(
            desired=case.owned.desired,
            key=key,
            slots=case.slots,
            is_recorded=case.is_recorded,
            is_own_credential=key.id in case.snapshot.own_keys,
        ),
    )
