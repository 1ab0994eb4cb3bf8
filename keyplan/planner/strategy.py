"""How one key is renewed, by refresh or by replace: what the declaration asks, the dialect's laws allow, and why.

This is "Strategy" in docs/planning.md. Whether a key is renewed at all is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from keyplan.model.desired import Desired
from keyplan.model.field_change import FieldChange
from keyplan.model.laws import Laws
from keyplan.model.manifest import Adopt, Declaration, Retire, Rotation, Strategy
from keyplan.model.observation import Observation, Slot
from keyplan.model.plan import Verb
from keyplan.model.times import spell_duration, write_duration
from keyplan.planner.diff import EXPIRY, TOLERANCE
from keyplan.planner.key_view import name_locations

_LET_IT_CHOOSE = "use strategy: auto"


_SHORTEST = timedelta(seconds=1)

USUAL_OVERLAP = timedelta(hours=24)
"""How long an old key works on if the manifest does not say (docs/decisions/0020-overlap-by-default.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How one key will be renewed."""

    verb: Verb
    """`REFRESH` or `REPLACE`."""
    overlap: timedelta
    explanation: str


def find_overlap(rotation: Rotation, *, longest_grace: timedelta | None = None) -> timedelta:
    """Return how long the old key works on after the switch: what the manifest says, else the default.

    The default is at most half of `every`, and at most the `longest_grace`, which is given if only a refresh will do.
    A key that is kept until it is unused needs some time in which that can show, so never zero.
    """
    overlap = rotation.overlap
    if overlap is None:
        # Whole seconds: a provider takes no others as a grace (docs/arize-api.md, A25).
        half = rotation.every and timedelta(seconds=rotation.every // timedelta(seconds=2))
        limits = (USUAL_OVERLAP, half, longest_grace)
        overlap = min(limit for limit in limits if limit is not None)
    if rotation.retire is Retire.WHEN_UNUSED:
        return max(overlap, rotation.settle, _SHORTEST)
    return overlap


def without_overlap(desired: Desired) -> Desired:
    """Return the same declaration, as if it said that old keys stop at once."""
    declared = desired.declaration
    rotation = replace(declared.rotation, overlap=timedelta(0), retire=Retire.AFTER_OVERLAP)
    return replace(desired, declaration=replace(declared, rotation=rotation))


def choose_strategy(
    desired: Desired,
    key: Observation,
    *,
    changes: tuple[FieldChange, ...],
    laws: Laws,
    now: datetime,
    is_adopted: bool = False,
) -> Choice:
    """Return how to renew a key that consumers may hold, by its declared strategy and the laws.

    A key that `is_adopted` just as it is must be refreshed, and needs no marker; any other key without one is replaced.
    """
    rotation = desired.declaration.rotation
    overlap = find_overlap(rotation)
    if laws.has_unique_names:
        return _choose_refresh(rotation, laws)
    if rotation.strategy is Strategy.REPLACE:
        return Choice(verb=Verb.REPLACE, overlap=overlap, explanation="replace: the manifest says so")
    must_refresh = is_adopted or rotation.strategy is Strategy.REFRESH
    # Only a new key can carry the marker by which later runs know it as ours without a ledger.
    lacks_marker = desired.marker is not None and key.marker is None and laws.takes_marker
    if lacks_marker and not must_refresh:
        return Choice(verb=Verb.REPLACE, overlap=overlap, explanation="replace: the new key will carry a marker")
    grace = find_overlap(rotation, longest_grace=laws.longest_grace) if must_refresh else overlap
    # A refresh is tried first: one call, and no second live key to retire later.
    obstacle = _obstacle(desired, key, changes=changes, laws=laws, now=now) or _grace_obstacle(rotation, grace, laws)
    if obstacle:
        return Choice(verb=Verb.REPLACE, overlap=overlap, explanation=f"replace: {obstacle}")
    grace = round_up(grace, laws.grace_step)
    return Choice(verb=Verb.REFRESH, overlap=grace, explanation=_explain_refresh(rotation, grace, laws))


def _choose_refresh(rotation: Rotation, laws: Laws) -> Choice:
    """Return the refresh of a key whose name no other key can have."""
    grace = round_up(min(find_overlap(rotation), laws.longest_grace), laws.grace_step)
    return Choice(verb=Verb.REFRESH, overlap=grace, explanation=_explain_refresh(rotation, grace, laws))


def round_up(grace: timedelta, step: timedelta) -> timedelta:
    """Return a grace, rounded up to a multiple of a step."""
    return -(-grace // step) * step


def choose_for_lost_key(
    desired: Desired, key: Observation, *, changes: tuple[FieldChange, ...], laws: Laws, now: datetime
) -> Choice:
    """Return how to renew a key whose raw key was lost: by refresh if lawful, and never with an overlap."""
    obstacle = _obstacle(desired, key, changes=changes, laws=laws, now=now)
    if obstacle:
        return Choice(verb=Verb.REPLACE, overlap=timedelta(0), explanation=f"replace: {obstacle}")
    return Choice(
        verb=Verb.REFRESH, overlap=timedelta(0), explanation="refresh: its raw key was lost, so no consumer holds it"
    )


def describe_consequences(verb: Verb, overlap: timedelta, slots: tuple[Slot, ...], retire: Retire) -> tuple[str, ...]:
    """Return what renewing a key does to the consumers that hold it, a sentence each."""
    if overlap and verb is Verb.REFRESH:
        return (f"the old raw key works for {spell_duration(overlap)} after the switch, then expires",)
    if overlap:
        end = "deletes it" if retire is Retire.AFTER_OVERLAP else "deletes it once it is no longer used"
        return (f"the old key works for {spell_duration(overlap)} after the switch; the first apply after that {end}",)
    places = ", ".join(name_locations(slots))
    when = "at once" if verb is Verb.REFRESH else "as soon as the new one is delivered"
    return (f"the old raw key stops working {when}: consumers fail until they read the new one from {places}",)


def find_unlawful_rotation(desired: Desired, laws: Laws) -> Iterator[tuple[str, str]]:
    """Yield why a declared key or rotation can never be lawful in this dialect, and what to do."""
    declared = desired.declaration
    if declared.organizations or not (laws.takes_custom_roles and laws.takes_expiry):
        yield from _find_impossible_access(declared, laws)
        yield from _find_impossible_life(declared, laws)
    rotation = declared.rotation
    if rotation.retire is Retire.WHEN_UNUSED and not laws.shows_last_use:
        message = f"retire: when_unused needs last_used_at, which the {laws.dialect} API does not show"
        yield message, "use retire: after_overlap"
    if declared.adopt is Adopt.REFRESH and (none := _no_refresh(laws)):
        yield f"adopt: refresh is not possible: {none}", "use adopt: replace, or adopt: import"
    if laws.has_unique_names:
        yield from _find_impossible_replace(declared, laws)
    # With auto there is always a lawful way: a replace.
    if rotation.strategy is not Strategy.REFRESH:
        return
    grace = find_overlap(rotation, longest_grace=laws.longest_grace)
    if obstacle := _no_refresh(laws) or _grace_obstacle(rotation, grace, laws):
        yield f"strategy: refresh is not possible: {obstacle}", _LET_IT_CHOOSE
    if laws.takes_expiry and declared.expires_in and not laws.refresh_extends_life:
        yield f"strategy: refresh is not possible with expires_in: {_no_extension(laws)}", _LET_IT_CHOOSE


def _find_impossible_life(declared: Declaration, laws: Laws) -> Iterator[tuple[str, str]]:
    for field, is_given in (("expires_at", declared.expires_at), ("expires_in", declared.expires_in)):
        if is_given and not laws.takes_expiry:
            advice = f"remove {field}; rotation: {{every: ...}} limits how long a raw key is used"
            yield f"keys of the {laws.dialect} API have no expiry", advice


def _find_impossible_replace(declared: Declaration, laws: Laws) -> Iterator[tuple[str, str]]:
    """Yield what would need a second key of one name, in an API where names are unique."""
    unique = f"names are unique in the {laws.dialect} API, so no second key can stand beside the first"
    rotation = declared.rotation
    if rotation.strategy is Strategy.REPLACE:
        yield f"strategy: replace is not possible: {unique}", _LET_IT_CHOOSE
    if declared.adopt is Adopt.REPLACE:
        yield f"adopt: replace is not possible: {unique}", "use adopt: refresh, or adopt: import"
    if find_overlap(rotation) > laws.longest_grace:
        longest = write_duration(laws.longest_grace)
        yield f"overlap is longer than the {longest} that the {laws.dialect} API keeps an old raw key", "shorten it"


def _find_impossible_access(declared: Declaration, laws: Laws) -> Iterator[tuple[str, str]]:
    if declared.organizations and not laws.takes_organizations:
        yield f"the {laws.dialect} API knows no key with several spaces", "declare space or space_id"
    roles = declared.roles
    if not laws.takes_custom_roles and any(r.custom for r in (roles.space_role, roles.org_role, roles.account_role)):
        yield f"the {laws.dialect} API knows no custom roles", "declare a predefined one"


def _obstacle(
    desired: Desired, key: Observation, *, changes: tuple[FieldChange, ...], laws: Laws, now: datetime
) -> str:
    """Return why no refresh can make this key as declared; empty if one can."""
    # The API has no update call (docs/arize-api.md, A2): all that a refresh can set is the expiry.
    if none := _no_refresh(laws):
        return none
    movable = {EXPIRY, *laws.editable}
    fixed = list(dict.fromkeys(change.title for change in changes if change.field not in movable))
    if fixed:
        return f"changing the {', '.join(fixed)} requires a new key"
    # A key without an expiry may get any; the law is about keys that have one (docs/arize-api.md, A24).
    if laws.refresh_extends_life or key.expires_at is None:
        return ""
    wanted = desired.expiry_from(now)
    if wanted is None or wanted - key.expires_at > TOLERANCE:
        return _no_extension(laws)
    return ""


def _no_refresh(laws: Laws) -> str:
    return "" if laws.has_refresh else f"keys of the {laws.dialect} API can't be refreshed"


def _no_extension(laws: Laws) -> str:
    return f"a refresh can't extend a key's life in the {laws.dialect} API"


def _grace_obstacle(rotation: Rotation, grace: timedelta, laws: Laws) -> str:
    """Return why no refresh can keep the old raw key as long as that; empty if one can."""
    if rotation.retire is Retire.WHEN_UNUSED:
        return "a refresh ends the old raw key by the clock, and retire: when_unused is asked for"
    # Longest grace zero and overlap zero fit, too: then the old raw key dies at once, as asked.
    if grace <= laws.longest_grace:
        return ""
    if not laws.longest_grace:
        asked = "old keys overlap by default" if rotation.overlap is None else "an overlap is asked for"
        return f"a refresh ends the old raw key at once in the {laws.dialect} API, and {asked}"
    longest = write_duration(laws.longest_grace)
    return f"the overlap is longer than the {longest} that a refresh can give in the {laws.dialect} API"


def _explain_refresh(rotation: Rotation, grace: timedelta, laws: Laws) -> str:
    if grace:
        return f"refresh: the {laws.dialect} API keeps the old raw key for the overlap"
    if rotation.overlap is None:
        return f"refresh: the manifest asks for it, and the {laws.dialect} API gives it no overlap"
    return "refresh: one call, and no overlap is asked for"
