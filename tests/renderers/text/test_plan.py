"""A plan as text, word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from plans import (
    BLOCKED,
    CREATE,
    DELETE,
    EMPTY,
    FORGET,
    FULL,
    KEEP,
    LEAVING,
    MOVING,
    NOW,
    REFRESH,
    REPLACE,
    STRANGER,
    make_plan,
)
from syrupy.assertion import SnapshotAssertion

from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import KeyType, Unmanaged
from keyplan.model.plan import KeyView, Plan, Reason, Request
from keyplan.renderers.style import ANSI, Style
from keyplan.renderers.text.plan import render_plan, render_plans

STRANGERS = tuple(replace(STRANGER, id=KeyId(f"key-{n}"), name=f"hand-made {n}") for n in range(23))
PLANS = {
    "everything at once": FULL,
    "nothing to do": make_plan(KEEP, replace(KEEP, address=Address("user/also"))),
    "nothing at all": make_plan(),
    "only a blocked action": make_plan(BLOCKED, KEEP),
    "a create that is blocked": make_plan(replace(CREATE, reason=Reason.FOREIGN, blocked=BLOCKED.blocked)),
    "only a receipt to forget": make_plan(FORGET),
    "many unmanaged keys": make_plan(KEEP, unmanaged=STRANGERS),
    "unmanaged keys that fail the plan": make_plan(KEEP, unmanaged=(STRANGER,), unmanaged_policy=Unmanaged.FAIL),
    "unmanaged keys that are ignored": make_plan(KEEP, unmanaged=(STRANGER,), unmanaged_policy=Unmanaged.IGNORE),
    "an unmanaged key of unknown type": make_plan(unmanaged=(KeyView(name="odd", key_type=None),)),
    "targets": make_plan(REFRESH, request=Request(targets=("user/*", "service/x/y"))),
    "a fixed expiry": make_plan(
        replace(CREATE, after=KeyView(name="ci", key_type=KeyType.USER, expires_at=NOW, spaces=("s",), roles="r"))
    ),
    "places that are left": make_plan(MOVING, EMPTY, LEAVING),
    "places that are left behind": make_plan(replace(LEAVING, vacancies=LEAVING.vacancies[:2])),
    "a create of which nothing is shown": make_plan(replace(CREATE, after=None, locations=())),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_plan_reads_like_this(plan: Plan, snapshot: SnapshotAssertion) -> None:
    assert render_plan(plan) == snapshot


def test_a_coloured_plan_reads_like_this(snapshot: SnapshotAssertion) -> None:
    assert render_plan(make_plan(CREATE, REFRESH, BLOCKED), Style(palette=ANSI)) == snapshot


def test_several_plans_have_one_summary_as_the_last_line(snapshot: SnapshotAssertion) -> None:
    other = make_plan(REPLACE, owner="search", manifest="envs/test/keys.yaml")
    assert render_plans([FULL, other]) == snapshot


def test_several_plans_without_changes_say_so(snapshot: SnapshotAssertion) -> None:
    assert render_plans([make_plan(KEEP), make_plan(KEEP, manifest="other.yaml")]) == snapshot


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        (
            make_plan(CREATE, REPLACE, REFRESH),
            "Plan: 2 to add, 1 to change, 0 to destroy. 1 to retire later. 1 cut off.",
        ),
        (make_plan(KEEP), "No changes. Your keys match the manifest."),
        (make_plan(KEEP, BLOCKED), "Plan: 0 to add, 0 to change, 0 to destroy. 1 blocked."),
        (
            make_plan(CREATE, REPLACE, REFRESH, BLOCKED),
            "Plan: 2 to add, 1 to change, 0 to destroy. 1 to retire later. 1 blocked. 1 cut off.",
        ),
        (
            make_plan(replace(REPLACE, overlap=timedelta(0), cuts_off=True), replace(REFRESH, blocked=BLOCKED.blocked)),
            "Plan: 1 to add, 0 to change, 1 to destroy. 1 blocked. 1 cut off.",
        ),
        (make_plan(DELETE), "Plan: 0 to add, 0 to change, 1 to destroy."),
        (
            PLANS["unmanaged keys that fail the plan"],
            "Plan: 0 to add, 0 to change, 0 to destroy. 1 blocked.",
        ),
    ],
)
def test_the_last_line_is_the_one_that_scripts_match(plan: Plan, line: str) -> None:
    assert render_plan(plan).splitlines()[-1] == line
