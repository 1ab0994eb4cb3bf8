"""Live keys as Markdown: a row for each, whatever its name."""

from __future__ import annotations

import pytest
from attacks import ATTACKS
from judges import list_readings
from listed_keys import KEYS, make_key

from keyplan.renderers.ci.inventory import render_inventory


def test_each_key_is_a_row() -> None:
    lines = render_inventory(KEYS).splitlines()
    assert lines[1] == f"| {' | '.join(['---'] * 10)} |"
    assert [line.split(" | ")[0] for line in lines[2:5]] == ["| `ci`", "| `鍵 ingest`", "| `odd`"]
    assert lines[-1] == "3 keys."


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_name_stays_in_its_cell_and_means_nothing(attack: str) -> None:
    rendered = render_inventory([make_key(name=attack), make_key(name="sound")])
    assert len(rendered.splitlines()) == 6
    assert not list_readings(rendered)
