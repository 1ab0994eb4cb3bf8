"""`keyplan rehearse` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.shell import Shell


@pytest.mark.usefixtures("manifest")
def test_a_rehearsal_is_shown_as_text_and_as_json(shell: Shell, manifest: Path) -> None:
    text = shell("rehearse")
    assert (text.status, text.out.partition("\n")[0].partition(",")[0]) == (
        0,
        "Rehearsed on a copy in memory: keys of ml-platform in keys.yaml",
    )
    document = json.loads(shell("rehearse", str(manifest), "--format", "json").out)
    assert len(document["faults"]) > 20
    assert document["days"] == []


@pytest.mark.usefixtures("manifest")
def test_days_run_the_calendar_forward(shell: Shell) -> None:
    said = shell("rehearse", "--days", "3", "--format", "json")
    document = json.loads(said.out)
    assert (said.status, len(document["days"]), document["faults"]) == (0, 3, [])
