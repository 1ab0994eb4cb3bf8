"""When a key falls due by time alone, to the second."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from planner.situations import DAY, HOUR, LATER, recorded
from samples import NOW, make_declaration, make_observation

from keyplan.model.manifest import Rotation
from keyplan.model.receipt import UNKNOWN_TIME
from keyplan.planner.schedule import can_be_extended, due_before_expiry, due_by_age, issued_at

SECOND = timedelta(seconds=1)
EXPIRY = NOW + 90 * DAY


@pytest.mark.parametrize(
    ("receipt", "expected"),
    [
        pytest.param({"created_at": NOW - DAY}, NOW, id="ours: since its delivery"),
        pytest.param({"delivered_at": LATER + DAY}, LATER, id="ours, delivered in the future: since now"),
        pytest.param({"raw_text": None, "created_at": NOW - DAY}, NOW - DAY, id="imported: since its creation"),
        pytest.param({"raw_text": None, "created_at": LATER}, LATER, id="imported, created just now"),
        pytest.param({"raw_text": None, "created_at": LATER + SECOND}, NOW, id="imported, created in the future"),
        pytest.param({"raw_text": None, "created_at": UNKNOWN_TIME}, NOW, id="imported, creation unknown"),
    ],
)
def test_a_raw_key_is_as_old_as_its_use(receipt: dict[str, Any], expected: datetime) -> None:
    assert issued_at(recorded(**receipt), LATER) == expected


@pytest.mark.parametrize(
    ("rotation", "expires_at", "due"),
    [
        pytest.param(Rotation(), None, None, id="no expiry"),
        pytest.param(Rotation(), EXPIRY, NOW + 60 * DAY, id="a third of its life before"),
        pytest.param(Rotation(before_expiry=DAY), EXPIRY, EXPIRY - DAY, id="as declared"),
        pytest.param(Rotation(before_expiry=90 * DAY - SECOND), EXPIRY, NOW + SECOND, id="nearly the whole life"),
        pytest.param(Rotation(before_expiry=90 * DAY), EXPIRY, NOW + 60 * DAY, id="the whole life: a third"),
    ],
)
def test_a_key_is_due_before_its_expiry(rotation: Rotation, expires_at: datetime | None, due: datetime | None) -> None:
    key = make_observation(expires_at=expires_at)
    assert due_before_expiry(make_declaration(rotation=rotation), key, recorded(), LATER) == due


@pytest.mark.parametrize(("every", "due"), [(None, None), (HOUR, NOW + HOUR), (timedelta(0), NOW)])
def test_a_key_is_due_by_age_from_its_delivery(every: timedelta | None, due: datetime | None) -> None:
    assert due_by_age(make_declaration(rotation=Rotation(every=every)), recorded(), LATER) == due


@pytest.mark.parametrize(
    ("declared", "expires_at", "can"),
    [
        pytest.param(None, EXPIRY, True, id="no absolute end is declared"),
        pytest.param(EXPIRY, None, True, id="the key has no end"),
        pytest.param(EXPIRY, EXPIRY, False, id="it lives as long as declared"),
        pytest.param(EXPIRY, EXPIRY - SECOND, False, id="a second is what rounding does"),
        pytest.param(EXPIRY, EXPIRY - 2 * SECOND, True, id="two seconds are not"),
    ],
)
def test_a_new_key_lives_longer_only_below_the_declared_end(
    declared: datetime | None, expires_at: datetime | None, can: bool
) -> None:
    assert can_be_extended(make_declaration(expires_at=declared), make_observation(expires_at=expires_at)) is can
