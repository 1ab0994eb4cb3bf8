"""Which fields of a key differ from its declaration: row 9 of docs/planning.md.

A field that the dialect does not show is compared with what the receipt remembers. If that is silent too, it counts as
equal: nothing is rotated on a guess.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from keyplan.model.desired import Desired
from keyplan.model.observation import Observation, split_marker
from keyplan.model.plan import FieldChange
from keyplan.model.receipt import Receipt
from keyplan.model.times import write_duration, write_time
from keyplan.planner.key_view import flatten_access

# The precision of `expires_at` on its way to the server and back is unstated (docs/arize-api.md, A35).
TOLERANCE = timedelta(seconds=1)


NEVER = "never"


NOTHING = "(none)"


EXPIRY = "expires_at"


def compare(desired: Desired, key: Observation, receipt: Receipt | None) -> tuple[FieldChange, ...]:
    """Return the fields in which the key is not as declared, sorted by field (docs/planning.md, row 9)."""
    changes = _compare_expiry(desired, key, receipt)
    # The short way for nearly every key. The expiry is compared apart from it: a relative one differs for each key.
    if not _is_plainly_equal(desired, key, receipt):
        changes += _differences(_describe(key, receipt), _wish(desired, key, receipt))
    return tuple(sorted(changes)) if changes else ()


def same_instant(one: datetime | None, other: datetime | None) -> bool:
    """Whether two expiries are the same, within what a server may round."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= TOLERANCE


def _is_plainly_equal(desired: Desired, key: Observation, receipt: Receipt | None) -> bool:
    """Whether everything but the expiry is visible and as declared, word for word: true of nearly every key."""
    declared = desired.declaration
    return (
        desired.marker is not None
        and key.name == declared.name
        and key.key_type is declared.key_type
        and key.description == declared.description
        and key.access == desired.access
        and (key.access is not None or receipt is None or not receipt.access)
    )


def _describe(key: Observation, receipt: Receipt | None) -> dict[str, str]:
    fields = {"name": key.name, "description": key.description}
    if key.key_type:
        fields["key_type"] = key.key_type.value
    if key.access:
        return fields | flatten_access(key.access)
    # The dialect shows no access, so the digest in the receipt stands for it.
    if receipt and receipt.access:
        fields["access"] = f"as delivered ({receipt.access})"
    return fields


def _wish(desired: Desired, key: Observation, receipt: Receipt | None) -> dict[str, str]:
    declared = desired.declaration
    # Read back like a remote one: a declared text may itself end like a marker.
    description, _ = split_marker(desired.full_description)
    fields = {"name": declared.name, "description": description}
    if key.key_type:
        fields["key_type"] = declared.key_type.value
    if key.access:
        return fields | (flatten_access(desired.access) if desired.access else {})
    if receipt and receipt.access and desired.access:
        digest = desired.access.digest()
        fields["access"] = f"as delivered ({digest})" if digest == receipt.access else f"as declared ({digest})"
    return fields


def _differences(before: dict[str, str], after: dict[str, str]) -> list[FieldChange]:
    if before == after:
        return []
    return [
        FieldChange(field=name, before=before.get(name, NOTHING), after=after.get(name, NOTHING))
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    ]


def _compare_expiry(desired: Desired, key: Observation, receipt: Receipt | None) -> list[FieldChange]:
    declared = desired.declaration
    if declared.expires_in:
        # An expiry that lies relative to the moment of issue is as declared, once there is one at all.
        wish = f"{write_duration(declared.expires_in)} after issue"
        return [] if key.expires_at else [FieldChange(field=EXPIRY, before=NEVER, after=wish)]
    if same_instant(key.expires_at, declared.expires_at) or _is_as_issued(desired, key, receipt):
        return []
    return [FieldChange(field=EXPIRY, before=_show(key.expires_at), after=_show(declared.expires_at))]


def _is_as_issued(desired: Desired, key: Observation, receipt: Receipt | None) -> bool:
    """Whether the expiry was issued for this same declaration, and the provider itself set another one.

    An account-wide maximum lifetime does that (docs/arize-api.md, A21); rotating for it would never end.
    """
    if receipt is None or receipt.declared_expires_at != desired.declaration.expires_at:
        return False
    return same_instant(key.expires_at, receipt.expires_at)


def _show(expiry: datetime | None) -> str:
    return write_time(expiry) if expiry else NEVER
