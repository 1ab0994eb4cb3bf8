"""Which of two runs may write a place: what stands noted there decides. Nothing is loaded or stored.

A run notes its intent first, over what its plan saw, and puts its value only while that intent stands. Whether anything
can come between the comparison and the write is up to the store.
"""

from __future__ import annotations

import hashlib

from keyplan.errors import SinkBusyError
from keyplan.model.intent import Intent
from keyplan.model.observation import UNKNOWN_REVISION, Revision
from keyplan.model.receipt import Receipt
from keyplan.model.times import write_second
from keyplan.sinks.notes import Entry

_DIGEST_BYTES = 12
_ADVICE = "wait until that run has ended, then apply again"


def digest_notes(entry: Entry | None, *, is_present: bool) -> Revision:
    """Return the revision of a place with notes: of which key its receipt is, which run noted which intent."""
    # Nothing is taken from the value: a revision reveals no more of a raw key than its receipt does. Nor does it change
    # with what a receipt says beside that, such as `protect`: another run may annotate, and take nothing from this one.
    text = "present" if is_present else "absent"
    if entry and (receipt := entry.receipt):
        fingerprint = receipt.fingerprint.digest if receipt.fingerprint else ""
        text += f"\nreceipt {receipt.key_id} {fingerprint} {receipt.delivered_at.timestamp()}"
    if entry and (intent := entry.intent):
        text += f"\nintent {intent.id} {intent.run} {intent.until and intent.until.timestamp()}"
    return _digest(text)


def digest_sign(sign: str) -> Revision:
    """Return the revision of a place without notes, by its store's sign of the value; unknown without one."""
    return _digest(sign) if sign else UNKNOWN_REVISION


def is_noted_already(entry: Entry | None, intent: Intent) -> bool:
    """Whether an intent is there already as the same run wrote it, and may be noted again whatever the plan saw."""
    noted = entry.intent if entry else None
    return noted is not None and noted.is_same_attempt(intent)


def is_noted_by(entry: Entry | None, intent: Intent) -> bool:
    """Whether the intent there may be removed in the name of this one: it is of the same run."""
    noted = entry.intent if entry else None
    if noted is None or noted.id != intent.id:
        return False
    # What an older keyplan wrote names no run.
    return not noted.run or noted.run == intent.run


def refuse_ended(location: str, entry: Entry | None, intent: Intent) -> None:
    """Return unless an intent that its run marks as ended would replace another run's that has not ended.

    Raises SinkBusyError: a run that lost its lease must not clear the way for a third.
    """
    noted = entry.intent if entry else None
    is_ended = intent.runner is not None and intent.until is None
    if is_ended and noted is not None and noted.until is not None:
        raise explain_busy(location, entry)


def is_put_wanted(location: str, entry: Entry | None, receipt: Receipt, intent: Intent | None) -> bool:
    """Whether a value has to be stored; False if it is there already, and another run is about to replace it.

    Raises SinkBusyError if the place does not bear the intent that leads to the value.
    """
    noted, held = (entry.intent, entry.receipt) if entry else (None, None)
    # Over a later receipt, too: the intent was noted over it, so that the clock of the run before was ahead.
    if intent is None or (noted is not None and noted.is_same_attempt(intent)):
        return True
    if held is not None and _is_of_same_key(held, receipt):
        # To store it again would close the other run's intent.
        return noted is None
    raise explain_busy(location, entry)


def refuse_later(location: str, entry: Entry | None, receipt: Receipt) -> None:
    """Return unless the place bears the receipt of another key that was delivered later. Raises SinkBusyError."""
    held = entry.receipt if entry else None
    if held is not None and held.delivered_at > receipt.delivered_at and not _is_of_same_key(held, receipt):
        raise explain_busy(location, entry)


def explain_busy(location: str, entry: Entry | None) -> SinkBusyError:
    """Return the refusal: it names the run that has the place, or what another one left there since the plan."""
    intent, receipt = (entry.intent, entry.receipt) if entry else (None, None)
    if intent is not None and intent.runner is not None:
        runner = intent.runner
        # `at` is the first attempt's: of an intent that another run goes on with, it names an earlier run's time.
        since = intent.until - runner.lease if intent.until else intent.at
        who = f"{runner.user} on {runner.host} since {write_second(since)}: {runner.command}"
        if intent.until is None:
            return SinkBusyError(f"{location}: was changed since the plan by {who}", advice="plan and apply again")
        return SinkBusyError(f"{location}: another run is about to write there: {who}", advice=_ADVICE)
    what = "another run was there"
    if intent is not None:
        what = f"another run began there at {write_second(intent.at)}"
    elif receipt is not None:
        what = f"key {receipt.key_id} was delivered there at {write_second(receipt.delivered_at)}"
    return SinkBusyError(f"{location}: was changed since the plan: {what}", advice="plan and apply again")


def _is_of_same_key(one: Receipt, other: Receipt) -> bool:
    return (one.key_id, one.fingerprint) == (other.key_id, other.fingerprint)


def _digest(text: str) -> Revision:
    return Revision(hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest())
