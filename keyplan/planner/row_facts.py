"""The fact behind the answer of each row of docs/planning.md, a sentence each. Nothing here decides anything.

Each fact is looked up with the function that the row itself asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from keyplan.model.explanation import AskedRow, RowAnswer, TableRow
from keyplan.model.observation import Observation
from keyplan.model.receipt import Receipt
from keyplan.model.times import show_time
from keyplan.planner.case import Case
from keyplan.planner.diff import DESCRIPTION, find_differences
from keyplan.planner.evidence import find_unproven, lacking_slots
from keyplan.planner.schedule import can_be_extended, due_before_expiry, due_by_age


def list_asked(case: Case) -> tuple[AskedRow, ...]:
    """Return the rows that were asked for a declaration, in their order, each with its answer and its fact."""
    return tuple(
        AskedRow(row=row, answer=answer, fact=_describe(row, answer, case))
        for row, answer in case.trace.answers.items()
    )


def _describe(row: TableRow, answer: RowAnswer, case: Case) -> str:
    current, receipt = case.owned.current, case.owned.receipt
    if answer is RowAnswer.NOT_ASKED:
        return f"key {current.id} is current" if current else "no live key is current"
    if row in _FACTS_OF_CURRENT and current and receipt:
        return _FACTS_OF_CURRENT[row](case, current, receipt)
    return _FACTS[row](case) if row in _FACTS else ""


def _describe_expiry(case: Case) -> str:
    expires_at = case.declaration.expires_at
    return f"expires_at is {show_time(expires_at)}" if expires_at else "no expires_at is declared"


def _describe_attempts(case: Case) -> str:
    most = max((intent.attempts for intent in case.owned.intents), default=0)
    return f"{most} attempts have been made" if most else "no intent is open"


def _describe_spaces(case: Case) -> str:
    unknown = case.snapshot.unknown_scopes
    found = [unknown[reference] for reference in case.declaration.spaces if reference in unknown]
    return "; ".join(found) or "the provider knows each of its spaces"


def _describe_obstacle(case: Case) -> str:
    receipt = case.owned.receipt
    found = [
        *(f"it is not known who made key {key.id}" for key in case.undecided if case.owned.current is None),
        *([f"key {receipt.key_id} is unseen"] if case.is_unseen and receipt else []),
        *(f"key {key.id} may be another manifest's" for key in case.strays if not case.owned.alive),
        *map(str, case.doubts),
    ]
    return "; ".join(found) or "its keys are all seen, and what its places say is believed"


def _describe_import(case: Case) -> str:
    key_id = case.declaration.import_id
    if key_id is None:
        return "no import is declared"
    return f"import names key {key_id}"


def _describe_namesakes(case: Case) -> str:
    ids = ", ".join(key.id for key in case.namesakes)
    return f"unmanaged keys of its name: {ids}" if ids else "no unmanaged key has its type, name and space"


def _describe_receipt(case: Case) -> str:
    receipt = case.owned.receipt
    if receipt is None:
        return "no receipt is known"
    expiry = f", to expire at {show_time(receipt.expires_at)}" if receipt.expires_at else ""
    return f"key {receipt.key_id} was delivered at {show_time(receipt.delivered_at)}{expiry}"


def _describe_undelivered(case: Case) -> str:
    ids = ", ".join(key.id for key in case.owned.older)
    return f"live keys of it, none of them current: {ids}" if ids else "no live key is its own"


def _describe_unproven(case: Case) -> str:
    unproven = next((place for key in case.owned.alive if (place := find_unproven(case.slots, case.snapshot, key))), "")
    return f"{unproven} cannot prove which key it holds" if unproven else "its places can prove which key they hold"


def _describe_busy(case: Case) -> str:
    runs = ", ".join(intent.run or intent.id for intent in case.busy)
    return f"runs at work: {runs}" if runs else "no other run is known to be at work"


# Rows that are asked only if a key is current.


def _describe_forms(_case: Case, key: Observation, receipt: Receipt) -> str:
    if not (receipt.redacted and key.edition):
        return "there are no two redacted forms to compare"
    return f"the receipt says {receipt.redacted}, and the provider shows {key.edition}"


def _describe_lost(case: Case, _key: Observation, _receipt: Receipt) -> str:
    newer = ", ".join(key.id for key in case.owned.newer)
    return f"newer than the current key: {newer}" if newer else "no key is newer than the current one"


def _describe_places(case: Case, _key: Observation, receipt: Receipt) -> str:
    lacking = ", ".join(map(str, lacking_slots(case.slots, case.snapshot, receipt)))
    return f"not proven to hold the current key: {lacking}" if lacking else "each place holds the current key, proven"


def _describe_changes(case: Case, key: Observation, receipt: Receipt) -> str:
    found = find_differences(case.owned.desired, key, receipt, case.longest_life)
    named = [change.field for change in (*found.pressing, *found.repeated) if change.field != DESCRIPTION]
    return f"not as declared: {', '.join(named)}" if named else "every other field is as declared"


def _describe_description(case: Case, key: Observation, receipt: Receipt) -> str:
    found = find_differences(case.owned.desired, key, receipt, case.longest_life)
    is_other = any(change.field == DESCRIPTION for change in found.changes)
    return "the description is not as declared" if is_other else "the description is as declared"


def _describe_edits(case: Case, key: Observation, receipt: Receipt) -> str:
    found = find_differences(case.owned.desired, key, receipt, case.longest_life, case.laws.editable)
    named = ", ".join(change.field for change in found.editable)
    return f"differs: {named}" if named else "name and description are as declared"


def _describe_request(case: Case, _key: Observation, receipt: Receipt) -> str:
    if case.is_requested:
        return "the user asked for it"
    return f"generation is {case.declaration.rotation.generation}, and {receipt.generation} in the receipt"


def _describe_expiring(case: Case, key: Observation, receipt: Receipt) -> str:
    due = due_before_expiry(case.declaration, key, receipt, case.now)
    if due is None:
        return "the key never expires"
    if not can_be_extended(case.declaration, key):
        return "a new key would end at the same expires_at"
    return f"it is due from {show_time(due)} on"


def _describe_age(case: Case, _key: Observation, receipt: Receipt) -> str:
    due = due_by_age(case.declaration, receipt, case.now)
    return f"it is due from {show_time(due)} on" if due else "no rotation.every is declared"


_FACTS: Mapping[TableRow, Callable[[Case], str]] = {
    TableRow.PAST_EXPIRY: _describe_expiry,
    TableRow.EXHAUSTED: _describe_attempts,
    TableRow.UNKNOWN_SPACE: _describe_spaces,
    TableRow.OBSTACLE: _describe_obstacle,
    TableRow.IMPORT: _describe_import,
    TableRow.FOREIGN: _describe_namesakes,
    TableRow.ABSENT: _describe_receipt,
    TableRow.GONE: _describe_receipt,
    TableRow.UNDELIVERED: _describe_undelivered,
    TableRow.UNPROVEN: _describe_unproven,
    TableRow.BUSY: _describe_busy,
}
_FACTS_OF_CURRENT: Mapping[TableRow, Callable[[Case, Observation, Receipt], str]] = {
    TableRow.ROTATED_ELSEWHERE: _describe_forms,
    TableRow.LOST: _describe_lost,
    TableRow.NOT_HELD: _describe_places,
    TableRow.CHANGED: _describe_changes,
    TableRow.DESCRIPTION: _describe_description,
    TableRow.EDITED: _describe_edits,
    TableRow.REQUESTED: _describe_request,
    TableRow.EXPIRING: _describe_expiring,
    TableRow.TOO_OLD: _describe_age,
}
