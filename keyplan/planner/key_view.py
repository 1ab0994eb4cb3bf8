"""Keys, declarations and places as a plan shows them to its reviewer."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from keyplan.model.desired import Desired
from keyplan.model.observation import Access, Observation, Slot
from keyplan.model.plan import KeyView


def view_key(key: Observation) -> KeyView:
    """Return a live key as it is."""
    return KeyView(
        id=key.id,
        name=key.name,
        key_type=key.key_type,
        description=key.description,
        expires_at=key.expires_at,
        spaces=tuple(sorted(key.scope_ids)) if key.scope_ids else (),
        roles=_roles(key.access) if key.access else "",
    )


def view_marked(key: Observation) -> KeyView:
    """Return a key that is marked, with the manifest that its marker names and with who made it."""
    return replace(view_key(key), owner=str(key.marker.identity) if key.marker else "", creator=key.created_by)


def view_desired(desired: Desired) -> KeyView:
    """Return a declared key as it will be."""
    declared = desired.declaration
    return KeyView(
        name=declared.name,
        key_type=declared.key_type,
        description=declared.description,
        expires_at=declared.expires_at,
        expires_in=declared.expires_in,
        spaces=desired.scope_ids,
        scope_word=declared.scope_field.replace("_", " "),
        roles=_roles(desired.access) if desired.access else "",
    )


def name_locations(slots: tuple[Slot, ...]) -> tuple[str, ...]:
    """Return where a raw key goes, ``sink:location`` each, in the order of the deliveries."""
    return tuple(str(slot) for slot in slots)


def flatten_access(access: Access) -> dict[str, str]:
    """Return roles by what they are for: the account, each organization, each space."""
    roles = {"account_role": str(access.account_role)}
    for granted in access.organizations:
        if granted.org_id is not None:
            roles[f"organization {granted.org_id}"] = str(granted.role)
        roles |= {f"space {grant.space_id}": str(grant.role) for grant in granted.spaces}
    return roles


# Thousands of keys share a few sets of roles.
@lru_cache
def _roles(access: Access) -> str:
    return ", ".join(f"{what}={role}" for what, role in sorted(flatten_access(access).items()))
