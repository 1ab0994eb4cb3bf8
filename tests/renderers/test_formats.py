"""Which formats there are, and what each looks like."""

from __future__ import annotations

import pytest
from listed_keys import KEYS
from plans import (
    DONE,
    FAILED,
    FULL,
    make_report,
)
from syrupy.assertion import SnapshotAssertion

from keyplan.errors import InputError
from keyplan.renderers.formats import INVENTORY_FORMATS, PLAN_FORMATS, REPORT_FORMATS, render_inventory, render_report
from keyplan.renderers.formats import render_plan as render_plan_as


@pytest.mark.parametrize("as_format", PLAN_FORMATS)
def test_a_plan_has_these_formats(as_format: str, snapshot: SnapshotAssertion) -> None:
    assert render_plan_as(FULL, as_format=as_format) == snapshot


@pytest.mark.parametrize("as_format", REPORT_FORMATS)
def test_a_report_has_these_formats(as_format: str, snapshot: SnapshotAssertion) -> None:
    assert render_report(make_report(DONE, FAILED), as_format=as_format) == snapshot


@pytest.mark.parametrize("as_format", INVENTORY_FORMATS)
def test_keys_are_listed_in_these_formats(as_format: str, snapshot: SnapshotAssertion) -> None:
    assert render_inventory(KEYS, as_format=as_format) == snapshot


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="format 'xml' is unknown; known are: text, json"):
        render_plan_as(FULL, as_format="xml")
