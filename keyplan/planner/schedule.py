"""When a delivered key falls due by time alone: rows 11 and 12 of docs/planning.md. `rules` decides what is done then.

Example: `expires_in: 90d` and no `before_expiry`. A key that expires in five days fell due 25 days ago.
"""

from __future__ import annotations

from datetime import datetime

from keyplan.model.manifest import Declaration
from keyplan.model.observation import Observation
from keyplan.model.receipt import UNKNOWN_TIME, Receipt
from keyplan.planner.diff import TOLERANCE

_EARLY_SHARE = 3
"""Without `before_expiry`, a key is renewed when a third of its life is left."""


def issued_at(receipt: Receipt, now: datetime) -> datetime:
    """Return since when the raw key of a current key is in use; never later than now.

    Our own delivery counts, because whether `created_at` changes with a refresh is unstated (docs/arize-api.md, A26).
    For a key that was delivered by others its creation counts, unless the provider does not know it, or gives a time in
    the future.
    """
    # Only keyplan's own deliveries have a fingerprint.
    is_ours = receipt.fingerprint is not None
    if is_ours or receipt.created_at == UNKNOWN_TIME or receipt.created_at > now:
        return min(receipt.delivered_at, now)
    return receipt.created_at


def due_before_expiry(declared: Declaration, key: Observation, receipt: Receipt, now: datetime) -> datetime | None:
    """Return from when on the key counts as expiring (docs/planning.md, row 11); None for a key without expiry."""
    if key.expires_at is None:
        return None
    life = key.expires_at - issued_at(receipt, now)
    early = declared.rotation.before_expiry
    # A warning time as long as the whole life would rotate at every run; the provider may cap a life (A21).
    if early is None or early >= life:
        early = life / _EARLY_SHARE
    return key.expires_at - early


def due_by_age(declared: Declaration, receipt: Receipt, now: datetime) -> datetime | None:
    """Return from when on the key is older than `rotation.every` (docs/planning.md, row 12); else None."""
    every = declared.rotation.every
    return issued_at(receipt, now) + every if every is not None else None


def next_rotation(declared: Declaration, key: Observation, receipt: Receipt, now: datetime) -> datetime | None:
    """Return when the key first falls due by time alone (rows 11 and 12); None if it never does."""
    expiring = due_before_expiry(declared, key, receipt, now) if can_be_extended(declared, key) else None
    old = due_by_age(declared, receipt, now)
    return min((due for due in (expiring, old) if due is not None), default=None)


def can_be_extended(declared: Declaration, key: Observation) -> bool:
    """Whether a new key would live longer: not if this one already lives as long as an absolute `expires_at` allows."""
    if declared.expires_at is None or key.expires_at is None:
        return True
    # Without the tolerance, a server that rounds would make keyplan rotate at every run.
    return key.expires_at < declared.expires_at - TOLERANCE
