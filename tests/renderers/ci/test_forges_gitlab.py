"""What GitLab shows in a merge request."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from sheets import CALM, PLAN
from sheets import sheets as any_sheets
from syrupy.assertion import SnapshotAssertion

from keyplan.renderers.ci.forges import render_gitlab
from keyplan.renderers.sheet import Sheet


def test_a_report_reads_like_this(snapshot: SnapshotAssertion) -> None:
    assert render_gitlab([PLAN]) == snapshot


def test_several_manifests_are_added_up() -> None:
    sheets = [PLAN, replace(PLAN, change=4), CALM]
    assert json.loads(render_gitlab(sheets)) == {"create": 4, "update": 4, "delete": 2}


@settings(max_examples=25)
@given(st.lists(any_sheets, max_size=3))
def test_gitlab_accepts_any_report(some: list[Sheet]) -> None:
    report = json.loads(render_gitlab(some))
    assert list(report) == ["create", "update", "delete"]
    assert all(isinstance(count, int) and 0 <= count <= 999_999 for count in report.values())
