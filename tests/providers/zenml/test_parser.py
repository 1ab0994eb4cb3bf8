"""What an object of the API means, and that nothing is guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from keyplan.model.identity import ScopeId
from keyplan.model.manifest import KeyType
from keyplan.providers.zenml.parser import read_account, read_key, read_raw_key, read_rotated

ACCOUNT = ScopeId("account-1")
CREATED = datetime(2026, 11, 28, 0, 29, 47, 392666, tzinfo=UTC)
ROTATED = datetime(2026, 11, 29, 1, 0, 0, 5, tzinfo=UTC)
RAW = "ZENKEY_canary0000000000000"


def item(*, body: Any = None, details: Any = None, **fields: Any) -> dict[str, Any]:
    """Return an object as the API shows it, with changes."""
    shown = {"created": "2026-11-28T00:29:47.392666", "updated": "2026-11-29T01:00:00.000005", "active": True}
    more = {"description": "CI [keyplan ml-platform/0123456789]", "retain_period_minutes": 0, "last_rotated": None}
    return {"id": "key-1", "name": "ci", "body": shown | (body or {}), "metadata": more | (details or {})} | fields


def test_a_key_that_was_never_rotated_is_as_old_as_its_raw_key() -> None:
    key = read_key(item(), ACCOUNT)
    assert (key.id, key.name, key.key_type, key.description) == ("key-1", "ci", KeyType.SERVICE, "CI")
    assert key.marker is not None
    assert (key.marker.owner, key.marker.ref) == ("ml-platform", "0123456789")
    assert (key.created_at, key.rotated_at, key.previous_until) == (CREATED, CREATED, None)
    assert (key.active, key.redacted, key.expires_at, key.last_used_at) == (True, "", None, None)
    assert (key.scope_ids, key.access) == (frozenset([ACCOUNT]), None)


def test_times_without_an_offset_are_utc_and_others_are_converted() -> None:
    assert read_key(item(body={"created": "2026-11-28T02:29:47.392666+02:00"}), ACCOUNT).created_at == CREATED
    assert read_key(item(), ACCOUNT).created_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("minutes", "until"),
    [
        (0, None),
        (-5, None),
        (None, None),
        ("7", None),
        (90, datetime(2026, 11, 29, 2, 30, 0, 5, tzinfo=UTC)),
        (10**12, datetime.max.replace(tzinfo=UTC)),
        (10**30, datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_a_rotated_key_shows_until_when_the_previous_raw_key_works(minutes: object, until: datetime | None) -> None:
    details = {"last_rotated": "2026-11-29T01:00:00.000005", "retain_period_minutes": minutes}
    key = read_key(item(details=details), ACCOUNT)
    assert (key.created_at, key.rotated_at, key.previous_until) == (CREATED, ROTATED, until)


def test_retention_without_a_rotation_means_nothing() -> None:
    assert read_key(item(details={"retain_period_minutes": 5}), ACCOUNT).previous_until is None


def test_the_answer_to_a_rotation_has_the_edition_that_listings_show_later() -> None:
    answered = read_rotated(item(metadata=None), ACCOUNT, 90)
    details = {"last_rotated": "2026-11-29T01:00:00.000005", "retain_period_minutes": 90}
    listed = read_key(item(details=details), ACCOUNT)
    assert answered.edition == listed.edition == ROTATED.isoformat()
    assert answered.previous_until == listed.previous_until


@pytest.mark.parametrize("active", [False, None, "true", 1])
def test_only_what_is_called_active_is_active(active: object) -> None:
    assert not read_key(item(body={"active": active}), ACCOUNT).active


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(item(id=None), id="no id"),
        pytest.param(item(id=7), id="an id that is not a text"),
        pytest.param(item(metadata=None), id="no details: listed without hydrate"),
        pytest.param(item(body={"created": None}), id="no time of creation"),
        pytest.param(item(body={"created": RAW}), id="a time that is another text"),
        pytest.param(item(body={"created": "0001-01-01T00:00:00+14:00"}), id="a time before all times"),
        pytest.param(item(details={"last_rotated": 1}), id="a time of rotation that is a number"),
        pytest.param({**item(), "body": []}, id="a body that is not an object"),
    ],
)
def test_what_cannot_be_understood_is_an_error_that_quotes_nothing(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^(an object|a key|a time) ") as caught:
        read_key(broken, ACCOUNT)
    assert RAW not in str(caught.value)


def test_half_of_a_surrogate_pair_becomes_a_question_mark() -> None:
    assert read_key(item(name="a\ud800b"), ACCOUNT).name == "a?b"


def test_the_raw_key_is_in_the_body() -> None:
    raw = read_raw_key(item(body={"key": RAW}))
    assert raw is not None
    assert raw.reveal() == RAW


@pytest.mark.parametrize("key", [None, "", 7, "two words", "line\nbreak"])
def test_what_no_header_carries_is_not_a_raw_key(key: object) -> None:
    assert read_raw_key(item(body={"key": key})) is None


def test_an_answer_without_a_body_has_no_raw_key() -> None:
    assert read_raw_key({"id": "key-1", "body": None}) is None


def test_an_account_has_id_and_name() -> None:
    account = read_account({"id": "account-1", "name": "ci", "metadata": None})
    assert (account.id, account.name, account.organization_id) == (ACCOUNT, "ci", None)
