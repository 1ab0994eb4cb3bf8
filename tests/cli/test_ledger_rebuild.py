"""`keyplan ledger rebuild`: what it refuses, what it says, what it leaves behind. Real files: tests/e2e."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli.shell import Shell, SimulatedWiring
from simulator import World

from keyplan.model.identity import Lineage
from keyplan.model.manifest import LedgerSettings


@dataclass
class SettableAside:
    """A simulated ledger that can be damaged and set aside."""

    world: World
    is_whole: bool = True

    def __post_init__(self) -> None:
        # Since Python 3.12 `isinstance` of a protocol sees nothing that `__getattr__` would give.
        for name in dir(self.world.ledger):
            if not name.startswith("_") and not hasattr(type(self), name):
                setattr(self, name, getattr(self.world.ledger, name))

    def is_damaged(self) -> bool:
        return not self.is_whole

    def set_aside(self, *, at: datetime, patience: timedelta) -> str:
        self.is_whole = True
        self.world.ledger.lose()
        return "/ledger.db.aside"


class RebuildableWiring(SimulatedWiring):
    """The simulated wiring, with such a ledger."""

    is_whole = True

    def ledger(self, settings: LedgerSettings, *, lineage: Lineage, folder: Path, account: str) -> Any:
        super().ledger(settings, lineage=lineage, folder=folder, account=account)
        return SettableAside(self.world, self.is_whole)


@pytest.fixture
def applied(shell: Shell, manifest: Path) -> Shell:
    """Return a shell in which two keys were delivered."""
    shell.wiring = RebuildableWiring(shell.world)
    assert shell("apply", "--auto-approve").status == 0
    return shell


def test_a_damaged_ledger_is_built_anew(applied: Shell) -> None:
    applied.wiring.is_whole = False
    done = applied("ledger", "rebuild")
    assert done.out == (
        "The old ledger is kept as /ledger.db.aside.\n"
        "The new ledger has 2 receipts from sinks; 0 keys of ml-platform without a receipt.\n"
        f"History: entry 1, head {applied.world.ledger.history()[0].link.hash}\n"
        "Read what the next apply would do before you run it: keyplan plan keys.yaml\n"
    )
    assert len(applied.world.ledger.receipts) == 2


def test_a_whole_ledger_is_left_alone(applied: Shell) -> None:
    before = dict(applied.world.ledger.receipts)
    done = applied("ledger", "rebuild")
    assert (done.status, applied.world.ledger.receipts) == (4, before)
    assert "hint: to build a new one all the same: keyplan ledger rebuild --force" in done.err


def test_a_whole_ledger_is_set_aside_by_force(applied: Shell) -> None:
    done = applied("ledger", "rebuild", "--force")
    assert (done.status, len(applied.world.ledger.receipts)) == (0, 2)


def test_an_empty_ledger_is_not_set_aside(applied: Shell) -> None:
    applied.world.ledger.lose()
    assert applied("ledger", "rebuild").out.startswith("The new ledger has 2 receipts from sinks")


def test_keys_that_no_sink_tells_of_are_named(applied: Shell) -> None:
    applied.write("version: 1\nowner: ml-platform\nid: k7f3a9c2\nkeys: []\n")
    done = applied("ledger", "rebuild", "--force")
    assert "The new ledger has 0 receipts from sinks; 2 keys of ml-platform without a receipt." in done.out
    assert "  ?  ci  key " in done.out
