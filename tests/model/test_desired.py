"""What a desired key asks of the provider: description, spaces, expiry."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import NOW, make_desired, make_desired_service, make_observation
from simulator import LAWS, make_space

from keyplan.model.observation import split_marker

DAY = timedelta(days=1)


def test_the_full_description_ends_with_the_marker_where_there_is_one() -> None:
    desired = make_desired(description="for CI")
    assert desired.marker
    assert desired.full_description == f"for CI [keyplan ml-platform:k7f3a9c2/{desired.marker.ref}]"
    assert replace(desired, marker=None).full_description == "for CI"


@given(st.text(max_size=20), st.sampled_from(["", " [keyplan other/0123456789]"]), st.booleans())
def test_the_shown_description_is_what_a_listing_would_read_back(text: str, end: str, is_marked: bool) -> None:
    desired = make_desired(description=text + end)
    desired = desired if is_marked else replace(desired, marker=None)
    assert desired.shown_description == split_marker(desired.full_description)[0]


def test_a_service_key_has_its_spaces_and_a_user_key_none() -> None:
    assert make_desired_service(make_space("production")).scope_ids == ("space-production",)
    assert make_desired().scope_ids == ()


@pytest.mark.parametrize(
    ("declared", "expiry"),
    [
        pytest.param({}, None, id="never"),
        pytest.param({"expires_at": NOW + DAY}, NOW + DAY, id="absolute"),
        pytest.param({"expires_in": 2 * DAY}, NOW + 2 * DAY, id="from the moment of issue"),
    ],
)
def test_a_new_key_expires_as_declared(declared: dict[str, Any], expiry: datetime | None) -> None:
    assert make_desired(**declared).expiry_from(NOW) == expiry


@pytest.mark.parametrize(
    ("dialect", "old", "declared", "expiry"),
    [
        pytest.param("alpha", NOW + DAY, {"expires_in": 9 * DAY}, NOW + 9 * DAY, id="alpha: any expiry"),
        pytest.param("alpha", NOW + DAY, {}, None, id="alpha: an expiry can be taken away"),
        pytest.param("beta", None, {"expires_in": 9 * DAY}, NOW + 9 * DAY, id="beta: a life without end can be cut"),
        pytest.param("beta", NOW + DAY, {"expires_in": 9 * DAY}, NOW + DAY, id="beta: no life is extended"),
        pytest.param("beta", 9 * DAY + NOW, {"expires_in": DAY}, NOW + DAY, id="beta: a life can be shortened"),
        pytest.param("beta", NOW + DAY, {}, NOW + DAY, id="beta: a key with an expiry keeps one"),
    ],
)
def test_a_refreshed_key_expires_as_the_laws_allow(
    dialect: str, old: datetime | None, declared: dict[str, Any], expiry: datetime | None
) -> None:
    desired, key = make_desired(**declared), make_observation(expires_at=old)
    assert desired.refreshed_expiry(key, LAWS[dialect], NOW) == expiry
