"""Events: what each says, that all fit the published schema, and that people can print them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator
from plans import BLOCKED, CREATE, DONE, FAILED, FULL, IN_DOUBT, KEEP, LEAVING, NOT_TRIED, make_plan, make_report, plans

from keyplan.documents import schemas
from keyplan.errors import LedgerLockedError
from keyplan.model.history import ChainLink
from keyplan.model.identity import Address
from keyplan.model.plan import Plan, Summary
from keyplan.model.report import Outcome
from keyplan.renderers.machine.events import (
    describe_end,
    describe_error,
    describe_outcome,
    describe_plan,
    describe_start,
    describe_step,
    describe_summary,
    describe_version,
)

SCHEMA = Draft202012Validator(schemas.load("event.v1"))
ATTACK = Address("user/\x1b[2J\u202e\n::error::no")


def require_valid(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events, all of which fit the schema once they have a time."""
    made = list(events)
    for event in made:
        SCHEMA.validate({**event, "@timestamp": "2026-11-23T07:31:00+00:00"})
    return made


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA.schema)


def test_the_first_event_names_versions() -> None:
    (event,) = require_valid([describe_version("1.2.3")])
    assert (event["type"], event["keyplan"], event["ui"]) == ("version", "1.2.3", "1.0")


def test_a_plan_is_told_action_by_action_and_then_counted() -> None:
    events = require_valid(describe_plan(FULL))
    told = [
        (event["change"]["verb"], event["change"]["action"]) for event in events if event["type"] == "planned_change"
    ]
    assert told == [
        ("create", "create"),
        ("replace", "replace"),
        ("refresh", "update"),
        ("deliver", "update"),
        ("delete", "delete"),
        ("forget", "forget"),
    ]
    assert events[-2]["diagnostic"]["summary"] == "mind this"
    assert events[-1]["changes"] == {"add": 2, "change": 2, "remove": 1, "operation": "plan", "retire": 1, "cut_off": 1}


def test_a_planned_change_names_the_key_and_where_it_is_declared() -> None:
    event = require_valid(describe_plan(make_plan(CREATE)))[0]
    assert event["change"] == {
        "resource": {"addr": "user/ci", "resource_type": "user", "resource_name": "ci"},
        "action": "create",
        "verb": "create",
        "id_key": "id",
        "id_value": None,
        "reason": "absent",
        "place": {"filename": "keys.yaml", "start": {"line": 12, "column": 5}},
    }
    assert event["@message"] == "user/ci: Plan to create: not created yet"


def test_what_is_blocked_is_a_warning_with_its_advice() -> None:
    event = require_valid(describe_plan(make_plan(BLOCKED, KEEP)))[0]
    assert (event["type"], event["@level"]) == ("diagnostic", "warn")
    assert event["diagnostic"] == {
        "severity": "warning",
        "summary": "user/old: delete is blocked by deletes",
        "detail": "if that is meant, say --allow-deletes 1",
        "address": "user/old",
        "range": None,
    }


def test_start_and_step_name_the_action() -> None:
    start, step = require_valid([describe_start(CREATE), describe_step(CREATE, "verify", 1.5)])
    assert (start["type"], start["hook"]["resource"]["addr"]) == ("apply_start", "user/ci")
    assert (step["hook"]["step"], step["hook"]["elapsed_seconds"]) == ("verify", 1.5)


@pytest.mark.parametrize(
    ("outcome", "kinds", "status"),
    [
        pytest.param(DONE, ["apply_complete", "diagnostic"], "done", id="done, with a note"),
        pytest.param(replace(DONE, notes=()), ["apply_complete"], "done", id="done"),
        pytest.param(FAILED, ["apply_errored", "diagnostic"], "failed", id="failed"),
        pytest.param(IN_DOUBT, ["apply_errored", "diagnostic"], "in_doubt", id="in doubt"),
        pytest.param(NOT_TRIED, ["apply_errored"], "not_tried", id="not tried"),
    ],
)
def test_an_outcome_is_one_event_and_what_a_person_should_know(outcome: Outcome, kinds: list[str], status: str) -> None:
    events = require_valid(describe_outcome(outcome, 2.0))
    assert [event["type"] for event in events] == kinds
    assert events[0]["hook"]["status"] == status


def test_what_is_done_names_the_key_of_now_and_where_it_went() -> None:
    hook = require_valid(describe_outcome(DONE, 2.0))[0]["hook"]
    assert (hook["id_value"], hook["delivered"]) == ("key-7", ["local:secrets/ci.env#ARIZE_API_KEY"])


def test_what_failed_says_what_the_next_run_does() -> None:
    hook, diagnostic = (
        event.get("hook") or event["diagnostic"] for event in require_valid(describe_outcome(FAILED, 2))
    )
    assert (hook["next_run"], hook["exit_status"]) == ("tries again", 5)
    assert (diagnostic["severity"], diagnostic["detail"]) == ("error", "ask an admin of the space")


def test_an_error_that_ends_the_run_is_a_diagnostic() -> None:
    (event,) = require_valid([describe_error(LedgerLockedError("locked by ada", advice="wait"))])
    assert (event["@level"], event["diagnostic"]["summary"]) == ("error", "locked by ada")


@pytest.mark.parametrize(
    ("outcomes", "complete", "level"),
    [((DONE,), True, "info"), ((DONE, FAILED, NOT_TRIED, IN_DOUBT), False, "error")],
    ids=["all is done", "something is not"],
)
def test_the_end_counts_and_judges(outcomes: tuple[Outcome, ...], complete: bool, level: str) -> None:
    summary, final = require_valid(describe_end(make_report(*outcomes)))
    assert summary["changes"]["operation"] == "apply"
    assert (final["type"], final["@level"], final["result"]["complete"]) == ("final", level, complete)
    assert sum(final["result"][word] for word in ("done", "failed", "in_doubt", "not_tried")) == len(outcomes)


def test_summaries_are_worded_as_in_the_text() -> None:
    counts = Summary(add=2, change=1, destroy=1)
    planned, done = (describe_summary(counts, operation)["@message"] for operation in ("plan", "apply"))
    assert planned == "Plan: 2 to add, 1 to change, 1 to destroy."
    assert done == "Resources: 2 added, 1 changed, 1 destroyed."
    further = describe_summary(replace(counts, retire=3, blocked=2, cut_off=1), "plan")
    assert further["@message"] == f"{planned} 3 to retire later. 2 blocked. 1 cut off."
    assert {name: further["changes"][name] for name in ("retire", "blocked", "cut_off")} == {
        "retire": 3,
        "blocked": 2,
        "cut_off": 1,
    }


def test_an_attack_in_a_name_is_inert_in_the_message_and_whole_in_its_field() -> None:
    event = require_valid([describe_start(replace(CREATE, address=ATTACK))])[0]
    assert event["@message"] == r"user/\x1b[2J\u202e\n::error::no: create begins"
    assert event["hook"]["resource"]["addr"] == ATTACK


@given(plans)
def test_every_plan_fits_the_schema_and_is_one_ascii_line_each(plan: Plan) -> None:
    for event in require_valid(describe_plan(plan)):
        line = json.dumps(event)
        assert line.isascii()
        assert line.isprintable()


def test_a_kept_key_that_leaves_a_place_has_an_event() -> None:
    change, *_ = require_valid(describe_plan(make_plan(LEAVING)))
    assert [one["location"] for one in change["change"]["vacancies"]] == ["aws:calm", "local:a.env", "local:b.env"]


def test_the_last_event_says_where_the_apply_stands_in_the_history() -> None:
    link = ChainLink(number=7, previous="", hash="0" * 64)
    *_, final = require_valid(describe_end(replace(make_report(), history=link)))
    assert final["result"]["history"] == {"number": 7, "head": "0" * 64}
    *_, final = require_valid(describe_end(replace(make_report(), history_failure="disk full")))
    assert final["result"]["history"] == {"failure": "disk full"}
