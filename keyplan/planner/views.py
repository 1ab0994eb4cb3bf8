"""Keys and declarations as plans show them, and what a rotation does to those who use the key."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from keyplan.model.desired import Desired
from keyplan.model.manifest import Retire
from keyplan.model.observation import Access, Observation, Slot
from keyplan.model.plan import KeyView, Verb
from keyplan.model.times import write_duration
from keyplan.planner.diff import flatten_access


def picture(key: Observation) -> KeyView:
    """Return a live key as it is."""
    return KeyView(
        id=key.id,
        name=key.name,
        key_type=key.key_type,
        description=key.description,
        expires_at=key.expires_at,
        spaces=tuple(sorted(key.space_ids or ())),
        roles=_roles(key.access),
    )


def picture_wish(desired: Desired) -> KeyView:
    """Return a declared key as it will be."""
    declared = desired.declaration
    return KeyView(
        name=declared.name,
        key_type=declared.key_type,
        description=declared.description,
        expires_at=declared.expires_at,
        expires_in=declared.expires_in,
        spaces=desired.space_ids,
        roles=_roles(desired.access),
    )


def name_locations(slots: tuple[Slot, ...]) -> tuple[str, ...]:
    """Return where a raw key goes, ``sink:location`` each, in the order of the deliveries."""
    return tuple(f"{slot.sink}:{slot.location}" for slot in slots)


def foretell(verb: Verb, overlap: timedelta, slots: tuple[Slot, ...], retire: Retire) -> tuple[str, ...]:
    """Return what renewing a key that somebody may hold does to its consumers."""
    if overlap and verb is Verb.REFRESH:
        return (f"the old raw key works for {write_duration(overlap)} after the switch, then ends by itself",)
    if overlap:
        end = "deletes it" if retire is Retire.AFTER_OVERLAP else "deletes it once nobody uses it"
        return (f"the old key works for {write_duration(overlap)} after the switch; the first apply after that {end}",)
    places = ", ".join(name_locations(slots))
    when = "at once" if verb is Verb.REFRESH else "as soon as the new one is delivered"
    return (f"the old raw key stops working {when}: consumers fail until they read the new one from {places}",)


@lru_cache
def _roles(access: Access | None) -> str:
    if access is None:
        return ""
    return ", ".join(f"{what}={role}" for what, role in sorted(flatten_access(access).items()))
