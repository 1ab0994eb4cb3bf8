"""Listings that come in any order make one catalogue."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from keyplan.model.identity import ScopeId
from keyplan.model.observation import Observation
from keyplan.providers.arize.catalogue import KeyCatalogue
from keyplan.providers.arize.parser import KeyParser, UniqueNotices

MEMBER = {"type": "PREDEFINED", "name": "MEMBER"}
Listing = tuple[ScopeId | None, dict[str, Any]]


def service(*spaces: str, name: str = "bot", status: str = "ACTIVE") -> dict[str, Any]:
    granted = [{"space_id": space, "role": MEMBER} for space in spaces]
    organizations = [{"org_id": "O1", "role": MEMBER, "spaces": granted}] if spaces else []
    bot_user = {"name": name, "account_role": MEMBER, "organizations": organizations}
    return {"id": "key-1", "key_type": "SERVICE", "status": status, "bot_user": bot_user}


def catalogue(*listings: Listing, active: bool = True) -> tuple[Observation, ...]:
    made = KeyCatalogue(KeyParser(UniqueNotices(lambda _: None), shows_scopes=True))
    for space_id, item in listings:
        made.add([item], active=active, space_id=space_id)
    return made.observations()


@pytest.mark.parametrize(
    ("listings", "spaces", "has_access"),
    [
        pytest.param([(None, service("S1")), (ScopeId("S1"), service())], {"S1"}, True, id="shown, found there"),
        pytest.param(
            [(None, service("S1")), (ScopeId("S2"), service())], {"S1", "S2"}, True, id="found elsewhere, too"
        ),
        pytest.param([(None, service()), (ScopeId("S1"), service())], {"S1"}, False, id="not shown, found"),
        pytest.param(
            [(None, service("S1", name="")), (ScopeId("S2"), service())], {"S1", "S2"}, False, id="shown without roles"
        ),
        pytest.param([(ScopeId("S1"), service()), (ScopeId("S2"), service())], {"S1", "S2"}, False, id="found twice"),
    ],
)
def test_a_key_is_the_same_in_whatever_order_listings_come(
    listings: list[Listing], spaces: set[str], *, has_access: bool
) -> None:
    made = {catalogue(*order) for order in permutations(listings)}
    assert [(key.scope_ids, key.access is not None) for (key,) in made] == [(frozenset(spaces), has_access)]


def test_a_second_listing_that_calls_a_key_dead_adds_nothing() -> None:
    (key,) = catalogue((None, service("S1")), (ScopeId("S2"), service(status="REVOKED")))
    assert key.scope_ids == frozenset({"S1"})


@pytest.mark.parametrize("states", [(True, False), (False, True)])
def test_a_key_among_the_active_and_the_dead_is_active(states: tuple[bool, bool]) -> None:
    made = KeyCatalogue(KeyParser(UniqueNotices(lambda _: None), shows_scopes=True))
    for state in states:
        made.add([{"id": "silent"}], active=state, space_id=None)
    assert [key.active for key in made.observations()] == [True]
