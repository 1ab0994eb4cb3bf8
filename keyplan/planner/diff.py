"""Which fields of a key differ from its declaration: rows 9 and 9b of docs/planning.md.

A field that the dialect does not show is compared with what the receipt remembers. If that is silent too, it counts as
equal and `notes` names it: nothing is rotated on a guess. Nor for what a provider changes of its own accord: it would
change it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from keyplan.model.desired import Desired
from keyplan.model.field_change import FieldChange
from keyplan.model.manifest import OnDescriptionChange
from keyplan.model.observation import Observation
from keyplan.model.receipt import CLOCK_SKEW, UNKNOWN_TIME, Receipt
from keyplan.model.texts import digest_texts, is_same, list_same_texts
from keyplan.model.times import write_duration, write_time
from keyplan.planner.key_view import flatten_access

# The precision of `expires_at` on its way to the server and back is unstated (docs/arize-api.md, A35).
TOLERANCE = timedelta(seconds=1)


NEVER = "never"


NOTHING = "(none)"


EXPIRY = "expires_at"


NAME, DESCRIPTION = "name", "description"
SPACES = "spaces"
_BESIDE_ACCESS = frozenset({NAME, DESCRIPTION, EXPIRY, "key_type"})


def compare(desired: Desired, key: Observation, receipt: Receipt | None) -> tuple[FieldChange, ...]:
    """Return the fields in which the key is not as declared, sorted by field (docs/planning.md, row 9).

    `receipt` is that of the key. What the provider set otherwise than it was asked is not a difference.
    """
    changes = _compare_expiry(desired, key, receipt)
    # The short way for nearly every key. The expiry is compared apart from it: a relative one differs for each key.
    if not _is_plainly_equal(desired, key, receipt):
        changes += _compare_texts(desired, key, receipt)
        changes += _differences(_describe(key, receipt), _wish(desired, key, receipt))
    return tuple(sorted(changes)) if changes else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """In what a delivered key differs from its declaration, by what follows from it. Each sorted by field."""

    pressing: tuple[FieldChange, ...] = ()
    """A reason to renew the key (docs/planning.md, row 9)."""
    editable: tuple[FieldChange, ...] = ()
    """The provider can change them while the raw key stays."""
    deferred: tuple[FieldChange, ...] = ()
    """They wait for the next rotation (row 9b)."""
    repeated: tuple[FieldChange, ...] = ()
    """The provider was asked for them when it issued this very key: another one would be no better."""

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        """What a new key would bring."""
        further = (*self.deferred, *self.editable)
        return tuple(sorted((*self.pressing, *further))) if further else self.pressing


_NONE = Differences()


def find_differences(
    desired: Desired,
    key: Observation,
    receipt: Receipt,
    longest_life: timedelta | None = None,
    editable: frozenset[str] = frozenset(),
) -> Differences:
    """Return how a current key differs from its declaration (docs/planning.md, rows 9, 9b and 9c).

    `longest_life` is the longest that policies allow; None if they don't limit it. `editable` are the fields that the
    provider can change while the raw key stays.
    """
    changes = compare(desired, key, receipt)
    forbidden = _find_forbidden_life(desired, key, receipt, longest_life) if longest_life is not None else ()
    if not changes:
        return Differences(pressing=forbidden) if forbidden else _NONE
    # A text that can be edited is corrected even if other users changed it; one stored otherwise is not a change.
    edits = tuple(change for change in changes if change.field in editable)
    changes = tuple(change for change in changes if change not in edits)
    asked = _list_asked(desired, key, receipt, changes)
    waits = desired.declaration.on_description_change is OnDescriptionChange.DEFER
    new = [change for change in changes if change.field not in asked]
    deferred = tuple(change for change in new if waits and change.field == DESCRIPTION)
    pressing = [change for change in new if change not in deferred]
    if not any(change.field == EXPIRY for change in changes):
        pressing += forbidden
    return Differences(
        pressing=tuple(sorted(pressing)),
        editable=edits,
        deferred=deferred,
        # With defer, no description ends a key: how it is stored is noted, and stops nothing.
        repeated=tuple(change for change in changes if change.field in asked - ({DESCRIPTION} if waits else set())),
    )


def _find_forbidden_life(
    desired: Desired, key: Observation, receipt: Receipt, longest: timedelta
) -> tuple[FieldChange, ...]:
    """Return the change of a key that lives longer than policies allow, if a new one would not."""
    if not outlives(key, receipt, longest):
        return ()
    # A new one would be the same; only an instant comes nearer. Policies hold such a key back (planner.policy).
    may_improve = desired.declaration.expires_at is not None and key.expires_at is not None
    if is_as_issued(desired, key, receipt) and not may_improve:
        return ()
    wish = f"at most {write_duration(longest)} after issue"
    return (FieldChange(field=EXPIRY, before=_show(key.expires_at), after=wish),)


def _list_asked(
    desired: Desired, key: Observation, receipt: Receipt, changes: tuple[FieldChange, ...]
) -> frozenset[str]:
    """Return the fields that the provider was asked for, as they are declared, when it issued this very raw key."""
    asked = list_same_texts(receipt.asked, desired.texts_digest)
    # There is no update call (docs/arize-api.md, A2): what has the same raw key was changed by the provider alone.
    if was_asked_for(desired, receipt) and receipt.fingerprint and receipt.redacted == key.edition != "":
        asked |= {EXPIRY}
    if _is_access_as_answered(desired, key, receipt):
        asked |= {change.field for change in changes if change.field not in _BESIDE_ACCESS}
    return asked


def _is_access_as_answered(desired: Desired, key: Observation, receipt: Receipt) -> bool:
    """Whether the provider was asked for the declared access, and answered with the one that the key has."""
    wanted, shown = desired.access, key.access
    if not receipt.answered_access or wanted is None or shown is None:
        return False
    return (receipt.access, receipt.answered_access) == (wanted.digest(), shown.digest())


def was_asked_for(desired: Desired, receipt: Receipt) -> bool:
    """Whether the key of a receipt was issued for the expiry that the declaration asks for now, never included."""
    declared = desired.declaration
    asked = receipt.declared_expires_at, receipt.declared_expires_in
    return asked == (declared.expires_at, declared.expires_in)


def list_as_answered(desired: Desired, key: Observation, receipt: Receipt | None) -> frozenset[str]:
    """Return which of name and description are as the provider answered them, when it was asked for the declared ones.

    It may store a text its own way: every further key would have the same one.
    """
    if receipt is None or not receipt.asked:
        return frozenset()
    shown = digest_texts(key.name, key.description)
    asked = list_same_texts(receipt.asked, desired.texts_digest)
    return asked & list_same_texts(receipt.answered or receipt.asked, shown)


def issue_time(key: Observation, receipt: Receipt | None) -> datetime | None:
    """Return when the raw key of a key was issued, at the latest; None if nothing shows it.

    Our own delivery follows the issue at once. The creation counts for a key of others (docs/arize-api.md, A26).
    """
    if receipt is not None and (receipt.fingerprint is not None or receipt.created_at == UNKNOWN_TIME):
        return receipt.delivered_at
    created_at = receipt.created_at if receipt else key.created_at
    return None if created_at == UNKNOWN_TIME else created_at


def outlives(key: Observation, receipt: Receipt | None, life: timedelta) -> bool:
    """Whether a key lives longer than `life` from its issue, by more than clocks and rounding account for."""
    if key.expires_at is None:
        return True
    issued_at = issue_time(key, receipt)
    return issued_at is not None and key.expires_at - issued_at > life + CLOCK_SKEW + TOLERANCE


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
    fields: dict[str, str] = {}
    if key.key_type:
        fields["key_type"] = key.key_type.value
    if key.access:
        return fields | flatten_access(key.access)
    # The dialect shows no access, so the digest in the receipt stands for it.
    if receipt and receipt.access:
        fields["access"] = f"as delivered ({receipt.access})"
    elif key.scope_ids:
        fields[SPACES] = ", ".join(sorted(key.scope_ids))
    return fields


def _wish(desired: Desired, key: Observation, receipt: Receipt | None) -> dict[str, str]:
    declared = desired.declaration
    fields: dict[str, str] = {}
    if key.key_type:
        fields["key_type"] = declared.key_type.value
    if key.access:
        return fields | (flatten_access(desired.access) if desired.access else {})
    if receipt and receipt.access and desired.access:
        digest = desired.access.digest()
        fields["access"] = f"as delivered ({digest})" if digest == receipt.access else f"as declared ({digest})"
    elif key.scope_ids and not (receipt and receipt.access):
        fields[SPACES] = ", ".join(desired.scope_ids)
    return fields


def _compare_texts(desired: Desired, key: Observation, receipt: Receipt | None) -> list[FieldChange]:
    wishes = ((NAME, key.name, desired.declaration.name), (DESCRIPTION, key.description, desired.shown_description))
    different = [
        FieldChange(field=field, before=shown, after=wish) for field, shown, wish in wishes if not is_same(shown, wish)
    ]
    if not different:
        return []
    as_answered = list_as_answered(desired, key, receipt)
    return [change for change in different if change.field not in as_answered]


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
        # A shorter life than declared is not a difference: a longer one is taken with the next rotation.
        is_met = not outlives(key, receipt, declared.expires_in)
        wish = f"{write_duration(declared.expires_in)} after issue"
    else:
        is_met = same_instant(key.expires_at, declared.expires_at) or _waits_for_no_end(desired, key, receipt)
        wish = _show(declared.expires_at)
    if is_met or is_as_issued(desired, key, receipt):
        return []
    return [FieldChange(field=EXPIRY, before=_show(key.expires_at), after=wish)]


def _waits_for_no_end(desired: Desired, key: Observation, receipt: Receipt | None) -> bool:
    """Whether `expires_in` was taken out of the declaration: like a longer one, that waits for the next rotation."""
    if desired.declaration.expires_at is not None or receipt is None or receipt.declared_expires_in is None:
        return False
    return same_instant(key.expires_at, receipt.expires_at)


def is_as_issued(desired: Desired, key: Observation, receipt: Receipt | None) -> bool:
    """Whether the expiry was issued for this same declaration, and the provider itself set another one.

    An account-wide maximum lifetime does that (docs/arize-api.md, A21); rotating for it would never end.
    """
    if receipt is None or not was_asked_for(desired, receipt):
        return False
    return same_instant(key.expires_at, receipt.expires_at)


def _show(expiry: datetime | None) -> str:
    return write_time(expiry) if expiry else NEVER
