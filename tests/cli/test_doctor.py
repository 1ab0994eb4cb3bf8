"""`keyplan doctor`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli.shell import MANIFEST, Shell, SimulatedWiring
from samples import make_access
from simulator import Fault
from syrupy.assertion import SnapshotAssertion

from keyplan.errors import LedgerError
from keyplan.model.examination import Area, Finding, Health
from keyplan.model.history import HistoryEntry
from keyplan.model.identity import Lineage
from keyplan.model.ledger import LockName, Memory
from keyplan.model.manifest import KeyType, LedgerSettings


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


class StorageWiring(SimulatedWiring):
    """The simulated wiring, with a ledger that can look at its storage."""

    error: LedgerError | None = None

    def ledger_reader(self, settings: LedgerSettings, *, lineage: Lineage, folder: Path, account: str) -> Any:
        return ExaminedLedger(super().ledger_reader(settings, lineage=lineage, folder=folder, account=account), self)


@dataclass
class ExaminedLedger:
    ledger: Any
    wiring: StorageWiring

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)

    def recall(self) -> Memory:
        return Memory()

    def history(self) -> tuple[HistoryEntry, ...]:
        return ()

    def holder(self, name: LockName = LockName.APPLY) -> None:
        return None

    def spending(self, digest: str) -> None:
        return None

    def examine(self) -> tuple[Finding, ...]:
        if self.wiring.error:
            raise self.wiring.error
        return (Finding(area=Area.LEDGER, subject="storage", health=Health.FINE, detail="s3://acme/ is good"),)


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        pytest.param(None, 0, "s3://acme/ is good", id="good"),
        pytest.param(LedgerError("s3://acme/ is away"), 7, "s3://acme/ is away", id="away"),
    ],
)
@pytest.mark.usefixtures("manifest")
def test_a_ledger_says_what_its_storage_does(shell: Shell, error: LedgerError, status: int, detail: str) -> None:
    shell.wiring = StorageWiring(shell.world)
    shell.wiring.error = error
    done = shell("doctor", "--format", "json")
    found = [one["detail"] for one in json.loads(done.out)["findings"] if one["subject"] == "storage"]
    assert (done.status, found) == (status, [detail])


def test_the_ledger_is_the_manifests(shell: Shell, manifest: Path) -> None:
    shell("doctor", str(manifest))
    assert shell.wiring.ledger_path == manifest.parent / ".keyplan" / "ledger.db"
    assert shell.wiring.closed == 2


def test_a_wrong_manifest_is_told_as_ever(shell: Shell) -> None:
    shell.write(MANIFEST.replace("version: 1", "version: 9"))
    assert shell("doctor").status == 3


@pytest.mark.usefixtures("manifest")
def test_it_says_who_keyplan_is_whom_it_trusts_and_which_keys_only_claim_to_be_ours(shell: Shell) -> None:
    shell("apply", "--auto-approve")
    marked = "[keyplan ml-platform:k7f3a9c2/0123456789]"
    space = shell.world.provider.spaces["production"]
    stranger = shell.world.provider.person_creates(
        "x", key_type=KeyType.SERVICE, access=make_access(space), description=marked, created_by="user-mallory"
    )
    done = shell("doctor")
    found = done.out + done.err
    assert "keyplan works as user VXNlcjox" in found
    assert f"key {stranger.id} carries our marker and was created by user user-mallory: it is not touched" in found
