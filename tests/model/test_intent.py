"""Intents survive JSON, and say what they could have led to and for how long their run may be under way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from samples import NOW, make_intent

from keyplan.model.identity import KeyId
from keyplan.model.intent import Intent, Runner
from keyplan.model.receipt import CLOCK_SKEW, UNKNOWN_TIME

RUNNER = Runner(run="r1", user="ada", host="ci-1", command="apply", lease=timedelta(seconds=60), number=7)


def test_an_intent_survives_json() -> None:
    intent = make_intent(
        key_id=KeyId("key-7"), verb="refresh", attempts=4, is_unmarked=True, account="https://zen.example.com"
    )
    assert Intent.from_dict(json.loads(json.dumps(intent.to_dict()))) == intent


@pytest.mark.parametrize(
    ("key_id", "created_at", "could"),
    [
        pytest.param("key-9", NOW, True, id="unknown before, made at once"),
        pytest.param("key-9", NOW - CLOCK_SKEW, True, id="older by no more than clocks differ"),
        pytest.param("key-9", NOW - CLOCK_SKEW - timedelta(seconds=1), False, id="too old"),
        pytest.param("key-9", UNKNOWN_TIME, True, id="the provider tells no time of creation: its id is proof enough"),
        pytest.param("key-0", NOW, False, id="was alive before"),
    ],
)
def test_an_intent_could_have_made_only_what_came_after_it(key_id: str, created_at: datetime, could: bool) -> None:
    assert make_intent().could_have_made(KeyId(key_id), created_at) is could


def test_an_intent_keeps_who_wrote_it_through_json() -> None:
    intent = make_intent(runner=RUNNER, until=NOW + timedelta(seconds=60))
    assert Intent.from_dict(json.loads(json.dumps(intent.to_dict()))) == intent


def test_a_later_attempt_of_another_run_is_not_the_same_attempt() -> None:
    mine = make_intent(runner=RUNNER)
    assert mine.is_same_attempt(make_intent(runner=RUNNER, attempts=2))
    assert not mine.is_same_attempt(make_intent(runner=replace(RUNNER, run="r2")))
    assert not mine.is_same_attempt(make_intent("intent-2", runner=RUNNER))
    assert make_intent().is_same_attempt(make_intent())


@pytest.mark.parametrize(
    ("changes", "age", "expected"),
    [
        pytest.param({"runner": RUNNER, "until": NOW + timedelta(seconds=1)}, None, True, id="lease not over"),
        pytest.param({"runner": RUNNER, "until": NOW}, None, False, id="lease over"),
        pytest.param({"runner": RUNNER, "until": None}, None, False, id="run ended"),
        pytest.param({}, None, False, id="of an older keyplan"),
        pytest.param(
            {"runner": RUNNER, "until": NOW + timedelta(hours=1)},
            None,
            False,
            id="further ahead than a lease can reach",
        ),
        pytest.param(
            {"runner": RUNNER, "until": NOW + timedelta(hours=1)}, timedelta(seconds=59), True, id="young for the store"
        ),
        pytest.param(
            {"runner": RUNNER, "until": NOW + timedelta(seconds=1)},
            timedelta(seconds=60),
            False,
            id="old for the store",
        ),
        pytest.param({"runner": RUNNER, "until": None}, timedelta(0), False, id="ended a moment ago"),
    ],
)
def test_an_intent_is_live_until_its_lease_is_over(
    changes: dict[str, Any], age: timedelta | None, expected: bool
) -> None:
    assert make_intent(**changes).is_live(NOW, age) is expected
