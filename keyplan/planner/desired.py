"""Make declarations comparable with what the provider shows: spaces resolved to ids, marker attached.

The caller looks the spaces up; nothing here calls the provider.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial

from keyplan.model.desired import Desired
from keyplan.model.identity import ProviderName, ScopeId, qualify
from keyplan.model.manifest import Declaration, Manifest, OrganizationGrant, Roles, ScopeRef, SpaceGrant
from keyplan.model.observation import Access, Marker, Scope, Snapshot
from keyplan.model.texts import fold


def list_scopes(manifest: Manifest) -> frozenset[ScopeRef]:
    """Return every space that must be looked up before `resolve_desired`; organizations name theirs by id already."""
    return frozenset(declaration.scope for declaration in manifest.keys if declaration.scope is not None)


def resolve_in(manifest: Manifest, snapshot: Snapshot) -> tuple[Desired, ...]:
    """Return one desired key for each declaration, sorted by address, as the snapshot's scopes and laws make it."""
    unmarked = {one.name for one in manifest.providers if not snapshot.laws_of(one.name).takes_marker}
    return resolve_desired(manifest, snapshot.spaces, unmarked=unmarked)


def resolve_desired(
    manifest: Manifest, spaces: Mapping[ScopeRef, Scope], *, unmarked: Collection[ProviderName] = ()
) -> tuple[Desired, ...]:
    """Return one desired key for each declaration, sorted by address.

    `spaces` holds all of `list_scopes` that exist. Without its space, a service key has no access. Keys of the
    `unmarked` providers have no text that could carry a marker.
    """
    # Sorted here, so that the order of declarations cannot reach the plan.
    ordered = sorted(manifest.keys, key=lambda declaration: declaration.address)
    # Keys of one space with the same roles share their access: 250 bytes less for each.
    grant = cache(partial(_grant_in, spaces))
    return tuple(
        Desired(
            declaration=declaration,
            identity=manifest.identity,
            marker=(
                Marker.of(manifest.identity, declaration.address)
                if manifest.marker and declaration.provider not in unmarked
                else None
            ),
            access=_find_access(declaration, grant),
            scope_id=_find_scope(declaration, spaces),
        )
        for declaration in ordered
    )


def _find_access(declaration: Declaration, grant: Callable[[ScopeRef | None, Roles], Access | None]) -> Access | None:
    if declaration.scope_field:
        return None
    return _grant_several(declaration) if declaration.organizations else grant(declaration.scope, declaration.roles)


def _find_scope(declaration: Declaration, spaces: Mapping[ScopeRef, Scope]) -> ScopeId | None:
    """Return the scope of a key of another provider than Arize; None for Arize's, and if it is unknown."""
    if not declaration.scope_field or declaration.scope is None:
        return None
    known = spaces.get(declaration.scope)
    return known.id if known else None


def list_space_ids(desired: Iterable[Desired]) -> frozenset[ScopeId]:
    """Return the ids of all spaces of these keys: what has to be listed to see them."""
    return frozenset(space_id for key in desired for space_id in key.scope_ids)


def _grant_several(declaration: Declaration) -> Access:
    """Return what a service key in the multi-space form may do."""
    granted = declaration.organizations
    if declaration.provider:
        granted = tuple(_qualify(one, declaration.provider) for one in granted)
    return Access(account_role=declaration.roles.account_role, organizations=_sort(granted))


def _qualify(granted: OrganizationGrant, provider: ProviderName) -> OrganizationGrant:
    """Return a grant whose spaces have the ids by which keyplan knows those of a further provider."""
    spaces = (replace(one, space_id=ScopeId(qualify(provider, one.space_id))) for one in granted.spaces)
    return replace(granted, spaces=tuple(spaces))


def _grant_in(spaces: Mapping[ScopeRef, Scope], reference: ScopeRef | None, roles: Roles) -> Access | None:
    """Return what a service key with one space may do; None for a user key, and if the space is unknown."""
    if reference is None or (space := spaces.get(reference)) is None:
        return None
    granted = OrganizationGrant(
        org_id=space.organization_id,
        role=roles.org_role,
        spaces=(SpaceGrant(space_id=space.id, role=roles.space_role),),
    )
    return Access(account_role=roles.account_role, organizations=(granted,))


def _sort(granted: Iterable[OrganizationGrant]) -> tuple[OrganizationGrant, ...]:
    """Return organizations, and the spaces in each, sorted by id; an organization without an id comes first."""
    return tuple(
        OrganizationGrant(
            org_id=organization.org_id,
            role=organization.role,
            spaces=tuple(sorted(organization.spaces, key=lambda grant: grant.space_id)),
        )
        for organization in sorted(granted, key=lambda organization: organization.org_id or "")
    )


def find_lookalikes(manifest: Manifest) -> Iterator[str]:
    """Yield a sentence for each set of declarations whose addresses look alike to a reader, in file order."""
    if len({fold(declared.address) for declared in manifest.keys}) == len(manifest.keys):  # nearly always
        return
    alike: defaultdict[str, list[Declaration]] = defaultdict(list)
    for declared in manifest.keys:
        alike[fold(declared.address)].append(declared)
    for group in alike.values():
        if len(group) > 1:
            named = " and ".join(f"{declared.address} ({declared.place})" for declared in group)
            yield f"{named} look alike: give them names that readers can distinguish"
