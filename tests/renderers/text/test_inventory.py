"""Live keys as a spreadsheet reads them."""

from __future__ import annotations

import pytest
from listed_keys import make_key

from keyplan.renderers.text.inventory import render_csv


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_the_csv_is_a_formula(start: str) -> None:
    line = render_csv((make_key(name=start),)).splitlines()[1]
    assert line.split(",")[1].startswith("'")
