"""How keys, wishes and consequences are told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from planner.situations import CI, DAY, HOUR, slot_of
from samples import NOW, make_access, make_desired, make_desired_service, make_observation
from simulator import make_space

from keyplan.model.manifest import KeyType, Retire
from keyplan.model.plan import KeyView, Verb
from keyplan.planner.key_view import name_locations, view_desired, view_key
from keyplan.planner.strategy import describe_consequences

PRODUCTION = make_space("production")
ROLES = "account_role=member, organization org-of-production=read-only, space space-production=member"
SLOTS = (slot_of(CI), slot_of(CI, "vault"))


def test_a_user_key_is_shown_as_it_is() -> None:
    key = make_observation(description="for CI", expires_at=NOW)
    assert view_key(key) == KeyView(id=key.id, name="ci", key_type=KeyType.USER, description="for CI", expires_at=NOW)


def test_a_service_key_is_shown_with_spaces_and_roles() -> None:
    spaces = frozenset({make_space("staging").id, PRODUCTION.id})
    view = view_key(make_observation(access=make_access(PRODUCTION), scope_ids=spaces))
    assert (view.spaces, view.roles) == (("space-production", "space-staging"), ROLES)


def test_a_wish_is_shown_without_an_id() -> None:
    view = view_desired(make_desired_service(PRODUCTION, description="x", expires_in=DAY))
    assert view == KeyView(
        name="ingest",
        key_type=KeyType.SERVICE,
        description="x",
        expires_in=DAY,
        spaces=("space-production",),
        roles=ROLES,
    )
    assert view_desired(make_desired(expires_at=NOW)).expires_at == NOW


def test_locations_name_the_sink_first() -> None:
    assert name_locations(SLOTS) == ("local:secrets/user/ci", "vault:secrets/user/ci")


@pytest.mark.parametrize(
    ("verb", "overlap", "retire", "sentence"),
    [
        pytest.param(
            Verb.REFRESH,
            HOUR,
            Retire.AFTER_OVERLAP,
            "the old raw key works for 1 hour after the switch, then expires",
            id="refresh by grace",
        ),
        pytest.param(
            Verb.REPLACE,
            HOUR,
            Retire.AFTER_OVERLAP,
            "the old key works for 1 hour after the switch; the first apply after that deletes it",
            id="replace with an overlap",
        ),
        pytest.param(
            Verb.REPLACE,
            HOUR,
            Retire.WHEN_UNUSED,
            "the old key works for 1 hour after the switch; the first apply after that deletes it once it is no longer "
            "used",
            id="replace, waiting to be unused",
        ),
        pytest.param(
            Verb.REFRESH,
            timedelta(0),
            Retire.AFTER_OVERLAP,
            "the old raw key stops working at once: consumers fail until they read the new one from "
            "local:secrets/user/ci, vault:secrets/user/ci",
            id="refresh without an overlap",
        ),
        pytest.param(
            Verb.REPLACE,
            timedelta(0),
            Retire.AFTER_OVERLAP,
            "the old raw key stops working as soon as the new one is delivered: consumers fail until they read the "
            "new one from local:secrets/user/ci, vault:secrets/user/ci",
            id="replace without an overlap",
        ),
    ],
)
def test_the_consequence_is_told_before_it_happens(
    verb: Verb, overlap: timedelta, retire: Retire, sentence: str
) -> None:
    assert describe_consequences(verb, overlap, SLOTS, retire) == (sentence,)
