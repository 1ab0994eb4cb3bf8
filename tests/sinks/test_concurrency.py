"""Who may write a place, by what is noted there; the rules that the contract of sinks can't reach through a sink."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from samples import NOW, OTHER_RAW, OWNER, RAW, make_intent, make_receipt, make_runner

from keyplan.model.identity import KeyId
from keyplan.sinks import concurrency
from keyplan.sinks.notes import Entry

LIVE = make_intent(runner=make_runner(), until=NOW + timedelta(seconds=60))
RECEIPT = make_receipt()


def test_a_place_with_a_value_has_another_revision_than_an_empty_one() -> None:
    revisions = {concurrency.digest_notes(None, is_present=present) for present in (True, False)}
    assert len(revisions) == 2


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Entry(owner=OWNER, receipt=replace(RECEIPT, key_id=KeyId("key-2"))), id="another key"),
        pytest.param(Entry(owner=OWNER, receipt=make_receipt(OTHER_RAW)), id="another raw key of the same id"),
        pytest.param(
            Entry(owner=OWNER, receipt=replace(RECEIPT, delivered_at=NOW + timedelta(seconds=1))), id="another delivery"
        ),
        pytest.param(Entry(owner=OWNER, receipt=RECEIPT, intent=LIVE), id="an intent"),
        pytest.param(Entry(owner=OWNER), id="no receipt"),
    ],
)
def test_a_revision_differs_with_what_another_run_may_have_done(other: Entry) -> None:
    mine = Entry(owner=OWNER, receipt=RECEIPT)
    assert concurrency.digest_notes(mine, is_present=True) != concurrency.digest_notes(other, is_present=True)


def test_a_revision_is_the_same_on_every_machine_and_tells_nothing() -> None:
    revision = concurrency.digest_notes(Entry(owner=OWNER, receipt=make_receipt(RAW), intent=LIVE), is_present=True)
    assert revision == "f896e424a2d691fa681d6e7d"
    assert RAW not in revision


def test_without_a_sign_of_the_store_nothing_is_known() -> None:
    assert not concurrency.digest_sign("")
    assert concurrency.digest_sign("v1") != concurrency.digest_sign("v2")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        pytest.param(
            Entry(owner=OWNER, intent=LIVE),
            "another run is about to write there: ada on build-7 since 2026-11-23T07:31:00+00:00: keyplan apply",
            id="a run under way",
        ),
        pytest.param(
            Entry(owner=OWNER, intent=replace(LIVE, until=None)),
            "was changed since the plan by ada on build-7 since 2026-11-23T07:31:00+00:00: keyplan apply",
            id="a run that has ended",
        ),
        pytest.param(
            Entry(owner=OWNER, intent=make_intent()),
            "was changed since the plan: another run began there at 2026-11-23T07:31:00+00:00",
            id="an older keyplan",
        ),
        pytest.param(
            Entry(owner=OWNER, receipt=RECEIPT),
            "was changed since the plan: key key-1 was delivered there at 2026-11-23T07:31:00+00:00",
            id="a delivery",
        ),
        pytest.param(None, "was changed since the plan: another run was there", id="nothing is noted"),
    ],
)
def test_a_refusal_says_who_was_there(entry: Entry | None, expected: str) -> None:
    error = concurrency.explain_busy("secrets/ci.key", entry)
    assert (error.message, error.exit_status) == (f"secrets/ci.key: {expected}", 4)
    assert error.advice


def test_a_run_that_goes_on_with_an_old_intent_is_named_with_its_own_time() -> None:
    later = replace(LIVE, until=NOW + timedelta(hours=2, seconds=60))
    assert "since 2026-11-23T09:31:00" in concurrency.explain_busy("x", Entry(owner=OWNER, intent=later)).message
