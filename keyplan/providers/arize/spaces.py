"""Looks spaces up by name or id, with the organization of each if the dialect needs it.

It must never choose among several spaces of one name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from difflib import get_close_matches
from http import HTTPStatus
from typing import TypeVar, assert_never

from keyplan.errors import InputError, ProviderRefusedError
from keyplan.model.identity import OrganizationId, ScopeId
from keyplan.model.manifest import ScopeById, ScopeByName, ScopeRef
from keyplan.model.observation import Scope
from keyplan.model.texts import compose
from keyplan.net.http import show_safely
from keyplan.providers.arize.dialects import ORGANIZATIONS_PATH, SPACES_PATH, path_of
from keyplan.providers.arize.pages import PAGE_SIZE, fetch_all
from keyplan.providers.arize.parser import read_space, read_text
from keyplan.providers.client import ProviderReadClient

MAX_PARALLEL_REQUESTS = 16
_ItemT = TypeVar("_ItemT")
_ResultT = TypeVar("_ResultT")


def map_parallel(call: Callable[[_ItemT], _ResultT], items: Sequence[_ItemT]) -> list[_ResultT]:
    """Return the result for each item, in their order; up to 16 calls run at once.

    Raises the error of the first item in order that failed.
    """
    if not items:
        return []
    with ThreadPoolExecutor(max_workers=min(MAX_PARALLEL_REQUESTS, len(items)), thread_name_prefix="arize") as pool:
        return list(pool.map(call, items))


class SpaceFinder:
    """Looks spaces up, each of them once."""

    def __init__(self, client: ProviderReadClient) -> None:
        self._client = client

    def find(self, references: Collection[ScopeRef], *, with_organization: bool) -> Mapping[ScopeRef, Scope]:
        """Return the space of every reference.

        Without organizations an id needs no look-up; the id is then also the name of the space.

        Raises:
            InputError: A space is unknown or ambiguous, or its organization cannot be found.
            ProviderError: The server refused or cannot be reached.
        """
        wanted = sorted(set(references), key=lambda reference: (isinstance(reference, ScopeById), str(reference)))
        found = dict(zip(wanted, map_parallel(lambda ref: self._find(ref, with_organization), wanted), strict=True))
        if not with_organization or all(space.organization_id for space in found.values()):
            return found
        organizations = self._map_organizations()
        return {reference: _complete(space, organizations) for reference, space in found.items()}

    def list_all(self) -> tuple[Scope, ...]:
        """Return every space that the credential can see, sorted by id. Raises ProviderError."""
        items = fetch_all(self._client, "list spaces", SPACES_PATH, {}, "spaces")
        spaces = {space.id: space for item in items if (space := read_space(item))}
        return tuple(spaces[space_id] for space_id in sorted(spaces))

    def _find(self, reference: ScopeRef, with_organization: bool) -> Scope:
        match reference:
            case ScopeByName(name=name):
                return self._find_by_name(name)
            case ScopeById(space_id=space_id):
                return self._fetch(space_id) if with_organization else Scope(id=space_id, name=space_id)
            case _:
                assert_never(reference)

    def _find_by_name(self, name: str) -> Scope:
        shown = show_safely(name)
        # The filter matches any part of a name in any case, so it only narrows the search (docs/arize-api.md, A36).
        items = fetch_all(self._client, f"look up space '{shown}'", SPACES_PATH, {"name": name}, "spaces")
        spaces = {
            space.id: space for item in items if (space := read_space(item)) and compose(space.name) == compose(name)
        }
        # Names are unique only within an organization. The wrong choice would give a key access to the wrong space.
        if len(spaces) > 1:
            ids = ", ".join(sorted(spaces))
            raise InputError(f"space '{shown}' is the name of several spaces", advice=f"give one as space_id: {ids}")
        if not spaces:
            raise InputError(f"space '{shown}' is unknown", advice=self._suggest(name))
        return next(iter(spaces.values()))

    def _suggest(self, name: str) -> str:
        # One page only: a suggestion is not worth a walk over thousands of spaces.
        listed = self._client.get("list spaces", SPACES_PATH, {"limit": str(PAGE_SIZE)}).get("spaces")
        items = listed if isinstance(listed, list) else []
        names = sorted({read_text(item.get("name")) for item in items if isinstance(item, Mapping)})
        by_folded = {each.casefold(): each for each in names if each}
        near = get_close_matches(name.casefold(), by_folded, n=3)
        if near:
            return "did you mean " + " or ".join(f"'{show_safely(by_folded[each])}'" for each in near) + "?"
        return "check that the credential may see it; names are matched exactly"

    def _fetch(self, space_id: ScopeId) -> Scope:
        shown = show_safely(space_id)
        try:
            item = self._client.get(f"look up space {shown}", path_of(SPACES_PATH, space_id))
        except ProviderRefusedError as error:
            # 400: not the form of an id, such as a name given as `space_id` (docs/arize-api.md, A31).
            if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST}:
                raise
            advice = "check that the credential may see it; for a name write `space:`"
            raise InputError(f"space_id {shown} is unknown", advice=advice) from error
        space = read_space(item)
        # Keep the id as the manifest spells it: the planner compares ids as texts.
        return replace(space, id=space_id) if space else Scope(id=space_id, name=space_id)

    def _map_organizations(self) -> Mapping[ScopeId, OrganizationId]:
        """Return the organization of every space, for servers that do not name it with the space."""
        # The listing of all spaces does not say it either; one listing per organization does (docs/arize-api.md, A37).
        items = fetch_all(self._client, "list organizations", ORGANIZATIONS_PATH, {}, "organizations")
        ids = sorted({read_text(item.get("id")) for item in items} - {""})
        pages = map_parallel(self._list_spaces_of, ids)
        return {ScopeId(space): OrganizationId(org) for org, spaces in zip(ids, pages, strict=True) for space in spaces}

    def _list_spaces_of(self, organization_id: str) -> list[str]:
        what = f"list the spaces of organization {show_safely(organization_id)}"
        items = fetch_all(self._client, what, SPACES_PATH, {"org_id": organization_id}, "spaces")
        return [read_text(item.get("id")) for item in items]


def _complete(space: Scope, organizations: Mapping[ScopeId, OrganizationId]) -> Scope:
    organization_id = space.organization_id or organizations.get(space.id)
    if organization_id is None:
        raise InputError(
            f"the organization of space '{show_safely(space.name)}' cannot be found, and the beta API wants it",
            advice="declare `organizations` with org_id and space_id, or use a credential that sees the organization",
        )
    return replace(space, organization_id=organization_id)
