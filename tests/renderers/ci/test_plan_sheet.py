"""Plans and reports as sheets: which rows there are, how grave they are, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from plans import (
    BLOCKED,
    CREATE,
    DELETE,
    DONE,
    FAILED,
    FULL,
    IN_DOUBT,
    KEEP,
    NOT_TRIED,
    REFRESH,
    REPLACE,
    STRANGER,
    make_plan,
    make_report,
)

from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import Unmanaged
from keyplan.model.plan import Action
from keyplan.renderers.ci.plan_sheet import build_plan_sheet, build_report_sheet
from keyplan.renderers.sheet import Level


def test_what_ends_a_key_comes_before_what_makes_one() -> None:
    words = [row.word for row in build_plan_sheet(FULL).rows]
    assert words[:5] == ["refresh (cuts off)", "delete", "replace", "deliver", "create"]


def test_what_breaks_consumers_at_once_comes_before_what_leaves_them_time() -> None:
    later = replace(REFRESH, address=Address("user/a"), overlap=timedelta(hours=12), cuts_off=False)
    sudden = replace(REPLACE, address=Address("user/b"), overlap=timedelta(0), cuts_off=True)
    assert [row.subject for row in build_plan_sheet(make_plan(later, sudden)).rows] == ["user/b", "user/a"]


def test_a_row_says_what_it_comes_to_for_consumers_unless_it_is_blocked() -> None:
    blocked = replace(REFRESH, blocked=BLOCKED.blocked)
    rows = [row for action in (REFRESH, blocked) for row in build_plan_sheet(make_plan(action)).rows]
    assert [row.effect for row in rows] == ["the old raw key stops working at once", ""]


def test_what_is_up_to_date_is_counted_and_has_no_row() -> None:
    sheet = build_plan_sheet(make_plan(CREATE, KEEP))
    assert (sheet.unchanged, [row.subject for row in sheet.rows]) == (("user/calm",), ["user/ci"])


def test_a_sheet_counts_as_its_plan_does() -> None:
    sheet, summary = build_plan_sheet(FULL), FULL.summary
    assert (sheet.add, sheet.change, sheet.destroy) == (summary.add, summary.change, summary.destroy)


@pytest.mark.parametrize(
    ("action", "level"),
    [
        pytest.param(BLOCKED, Level.ERROR, id="blocked: a person has to act"),
        pytest.param(DELETE, Level.WARNING, id="a delete ends a key"),
        pytest.param(REPLACE, Level.WARNING, id="a replace ends a key"),
        pytest.param(REFRESH, Level.WARNING, id="a refresh ends a raw key"),
        pytest.param(CREATE, Level.NOTICE, id="a create harms nobody"),
    ],
)
def test_each_action_is_as_grave_as_its_consequence(action: Action, level: Level) -> None:
    assert build_plan_sheet(make_plan(action)).rows[0].level is level


def test_a_row_of_a_blocked_action_names_its_guard_and_what_to_do() -> None:
    (row,) = build_plan_sheet(make_plan(BLOCKED)).rows
    assert (row.mark, row.word, row.rule) == ("!", "delete (blocked)", "guard/deletes")
    assert row.advice == "if that is meant, say --allow-deletes 1"


@pytest.mark.parametrize(
    ("policy", "level"),
    [(Unmanaged.REPORT, Level.NOTICE), (Unmanaged.FAIL, Level.ERROR), (Unmanaged.IGNORE, None)],
)
def test_a_key_that_nobody_declared_is_as_grave_as_the_manifest_says(policy: Unmanaged, level: Level | None) -> None:
    rows = build_plan_sheet(make_plan(unmanaged=(STRANGER,), unmanaged_policy=policy)).rows
    assert [row.level for row in rows][:1] == ([level] if level else [])


def test_keys_that_the_manifest_refuses_are_one_row_and_are_listed_below() -> None:
    many = tuple(replace(STRANGER, id=KeyId(f"key-{number}")) for number in range(40))
    first, *listed = build_plan_sheet(make_plan(unmanaged=many, unmanaged_policy=Unmanaged.FAIL)).rows
    assert (first.subject, first.reason) == ("keys.yaml", "40 unmanaged keys, and unmanaged is fail")
    assert [row.is_only_listed for row in (first, *listed)] == [False, *[True] * 40]


def test_a_create_beside_a_delete_shows_the_line_of_a_rename() -> None:
    rows = build_plan_sheet(make_plan(CREATE, DELETE)).rows
    assert [("if renamed", "moved_from: [user/old]") in row.details for row in rows] == [False, True]


@pytest.mark.parametrize(("plan", "expected"), [(FULL, True), (make_plan(KEEP), False)], ids=["changes", "none"])
def test_only_a_plan_that_changes_something_has_a_digest_to_approve(plan: object, expected: bool) -> None:
    sheet = build_plan_sheet(plan)  # type: ignore[arg-type]  # parametrized
    assert (bool(sheet.digest), sheet.is_different) == (expected, expected)


def test_what_failed_comes_before_what_was_done() -> None:
    rows = build_report_sheet(make_report(DONE, NOT_TRIED, FAILED, IN_DOUBT)).rows
    assert [row.word for row in rows] == ["replace failed", "refresh in doubt", "delete not tried", "created"]
    assert [row.level for row in rows] == [Level.ERROR, Level.ERROR, Level.ERROR, Level.WARNING]


def test_a_failed_row_says_what_to_do_and_what_the_next_run_does() -> None:
    (row,) = build_report_sheet(make_report(FAILED)).rows
    assert (row.advice, row.details) == ("ask an admin of the space", (("next run", "tries again"),))


def test_a_done_row_says_where_the_raw_key_went() -> None:
    (row,) = build_report_sheet(make_report(replace(DONE, notes=()))).rows
    assert row.level is Level.NOTICE
    assert row.details == (("key id", "key-7"), ("stored in", "local:secrets/ci.env#ARIZE_API_KEY"))


def test_an_interrupted_apply_says_so() -> None:
    sheet = build_report_sheet(make_report(DONE, interrupted_by=15))
    assert sheet.remarks == ("It was interrupted. The next apply continues from here.",)
