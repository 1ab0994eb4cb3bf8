"""`keyplan doctor`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.shell import MANIFEST, Shell
from simulator import Fault
from syrupy.assertion import SnapshotAssertion


@pytest.mark.usefixtures("manifest")
def test_all_is_fine_and_that_is_status_0(shell: Shell, snapshot: SnapshotAssertion) -> None:
    shell("apply", "--auto-approve")
    done = shell("doctor")
    assert (done.status, done.err) == (0, "")
    assert done.out == snapshot


@pytest.mark.parametrize(
    ("effect", "status"), [("provider.list_keys", 5), ("sink.inspect:local", 6)], ids=["provider", "sink"]
)
@pytest.mark.usefixtures("manifest")
def test_what_would_fail_gives_the_status_and_the_answer_all_the_same(shell: Shell, effect: str, status: int) -> None:
    shell.world.effects.inject(Fault.ERROR, effect, times=-1)
    done = shell("doctor", "--format", "json")
    assert done.status == status
    assert json.loads(done.out)["summary"]["broken"] == 1
    assert done.err == ""


def test_the_ledger_is_the_manifests(shell: Shell, manifest: Path) -> None:
    shell("doctor", str(manifest))
    assert shell.wiring.ledger_path == manifest.parent / ".keyplan" / "ledger.db"
    assert shell.wiring.closed == 1


def test_a_wrong_manifest_is_told_as_ever(shell: Shell) -> None:
    shell.write(MANIFEST.replace("version: 1", "version: 9"))
    assert shell("doctor").status == 3
