"""Live keys as a spreadsheet reads them."""

from __future__ import annotations

import pytest
from listed_keys import KEYS, make_key
from syrupy.assertion import SnapshotAssertion

from keyplan.model.identity import KeyId
from keyplan.renderers.style import Style
from keyplan.renderers.text.inventory import render_csv, render_table
from keyplan.renderers.text.layout import measure_columns


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_the_csv_is_a_formula(start: str) -> None:
    line = render_csv((make_key(name=start),)).splitlines()[1]
    assert line.split(",")[1].startswith("'")


LONG = make_key(id=KeyId("QXBpS2V5OjE6YUFhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5eg=="))


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_table_reads_like_this(width: int, snapshot: SnapshotAssertion) -> None:
    text = render_table((*KEYS, LONG), Style(width=width))
    assert [line for line in text.splitlines() if measure_columns(line) > width] == []
    assert text == snapshot


def test_an_id_is_whole_in_a_file_and_whenever_there_is_room() -> None:
    assert LONG.id in render_table((LONG,))
    assert LONG.id in render_table((LONG,), Style(width=300))
    assert "QXBpS2V5…" in render_table((*KEYS, LONG), Style(width=160))
