"""What docs/stability.md calls stable is there, and each kind of name has its row."""

from __future__ import annotations

import re

import pytest
from repository.surface import list_surface, read_published
from repository.workflows import ROOT

PAGE = (ROOT / "docs" / "stability.md").read_text()
TABLE = PAGE.partition("## What is stable")[2].partition("\n## ")[0]
ROWS = [line.strip("| ").split(" | ") for line in TABLE.splitlines() if line.startswith("| **")]
SURFACE = list_surface()
KINDS = sorted({line.partition(" ")[0] for line in SURFACE})


def test_no_published_name_is_missing() -> None:
    missing = sorted(set(read_published()) - set(SURFACE))
    assert missing == [], "see docs/stability.md for how a name goes, and take it out of tests/repository/surface.txt"


def test_the_published_names_are_sorted_and_each_is_there_once() -> None:
    assert read_published() == sorted(set(read_published()))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_name_is_published_and_has_a_row(kind: str) -> None:
    assert [line for line in read_published() if line.startswith(f"{kind} ")]
    assert f"`{kind}`" in "".join(row[-1] for row in ROWS)


def test_every_row_is_held_by_a_kind_of_name_or_by_a_file() -> None:
    assert len(ROWS) == 13
    for row in ROWS:
        named = re.findall(r"`(\w+)`", row[-1])
        assert set(named) <= set(KINDS), row
        assert named or "](../" in row[-1], row


@pytest.mark.parametrize(
    "line",
    [
        "command keyplan apply",
        "option keyplan apply --expect",
        "variable KEYPLAN_LEDGER",
        "field manifest.v1 /keys",
        "event apply_start",
        "metric keyplan_keys",
        "python apply",
        "plugin Sink",
        "sink vault",
        "status 4 PlanStaleError",
        "action inputs.command",
    ],
)
def test_the_names_are_read_from_the_code(line: str) -> None:
    assert line in SURFACE
