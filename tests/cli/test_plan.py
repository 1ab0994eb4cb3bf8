"""`keyplan plan` and `keyplan show`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.shell import MANIFEST, Shell
from simulator import Fault
from syrupy.assertion import SnapshotAssertion

USUAL = pytest.mark.usefixtures("manifest")
FAILING = MANIFEST + "unmanaged: fail\n"


@USUAL
def test_the_plan_is_on_stdout_and_nothing_on_stderr(shell: Shell, snapshot: SnapshotAssertion) -> None:
    done = shell("plan")
    assert (done.status, done.err) == (0, "")
    assert done.out == snapshot


@USUAL
def test_nothing_is_changed_and_nothing_is_locked(shell: Shell) -> None:
    shell("plan")
    assert not shell.world.provider.records
    assert not shell.world.sinks["local"].cells
    assert shell.world.ledger.held is None


@USUAL
def test_the_provider_is_let_go_of(shell: Shell) -> None:
    shell("plan")
    assert shell.wiring.closed == 1


@USUAL
def test_the_provider_is_let_go_of_when_it_fails(shell: Shell) -> None:
    shell.world.effects.inject(Fault.ERROR, "provider.list_keys")
    assert shell("plan").status == 5
    assert shell.wiring.closed == 1


@USUAL
def test_json_is_the_document_of_the_plan(shell: Shell) -> None:
    document = json.loads(shell("plan", "--format", "json").out)
    assert [change["address"] for change in document["resource_changes"]] == ["service/production/ingest", "user/ci"]


@USUAL
def test_detailed_exitcode_is_2_for_differences_and_0_without(shell: Shell) -> None:
    assert shell("plan", "--detailed-exitcode").status == 2
    shell("apply", "--auto-approve")
    assert shell("plan", "--detailed-exitcode").status == 0


@USUAL
def test_a_blocked_action_is_4_even_with_detailed_exitcode(shell: Shell) -> None:
    shell.write(MANIFEST.replace("{name: ci,", "{name: ci, protect: true,"))
    shell("apply", "--auto-approve")
    shell.write(MANIFEST.replace("{name: ci,", "{name: ci, protect: true, expires_in: 9d,"))
    done = shell("plan", "--detailed-exitcode")
    assert done.status == 4
    assert "!   blocked" in done.out


def test_unmanaged_keys_are_4_where_the_manifest_says_fail(shell: Shell) -> None:
    shell.write(FAILING)
    shell.world.provider.person_creates("hand-made")
    done = shell("plan")
    assert done.status == 4
    assert "1 unmanaged key (unmanaged: fail)" in done.out


@USUAL
def test_a_saved_plan_is_private_and_complete(shell: Shell) -> None:
    done = shell("plan", "--out", "plan.json")
    saved = shell.folder / "plan.json"
    assert saved.stat().st_mode & 0o777 == 0o600
    assert saved.read_text() == shell("plan", "--format", "json").out
    assert done.err == "The plan is saved in plan.json. To do exactly this: keyplan apply plan.json\n"


@USUAL
def test_a_saved_plan_is_shown_as_it_was_made(shell: Shell) -> None:
    text = shell("plan", "--out", "plan.json").out
    assert shell("show", "plan.json").out == text
    assert shell("show", "plan.json", "--format", "json").out == (shell.folder / "plan.json").read_text()


@USUAL
def test_showing_needs_neither_manifest_nor_ports(shell: Shell) -> None:
    shell("plan", "--out", "plan.json")
    (shell.folder / "keys.yaml").unlink()
    shell.wiring.settings = None
    assert shell("show", "plan.json").status == 0
    assert shell.wiring.settings is None


@USUAL
def test_the_default_ledger_lies_beside_the_manifest(shell: Shell) -> None:
    shell("plan")
    assert shell.wiring.ledger_path == shell.folder / ".keyplan" / "ledger.db"
    assert shell.wiring.account == shell.world.provider.base_url


@USUAL
def test_the_ledger_can_be_named_and_starts_from_the_working_directory(shell: Shell, tmp_path: Path) -> None:
    shell("plan", "--ledger", "state/l.db")
    assert shell.wiring.ledger_path == tmp_path / "state" / "l.db"


def test_the_ledger_of_standard_input_lies_in_the_working_directory(shell: Shell) -> None:
    assert shell("plan", "-", stdin=MANIFEST.encode()).status == 0
    assert shell.wiring.ledger_path == shell.folder / ".keyplan" / "ledger.db"


def test_a_manifest_elsewhere_has_its_folder_and_ledger_there(shell: Shell) -> None:
    (shell.folder / "sub").mkdir()
    shell.write(name="sub/team.yaml")
    assert shell("plan", "sub/team.yaml").out.startswith("Keys of ml-platform in sub/team.yaml,")
    assert shell.wiring.ledger_path == shell.folder / "sub" / ".keyplan" / "ledger.db"


@USUAL
def test_verbose_says_names_and_counts_on_stderr(shell: Shell) -> None:
    ledger = shell.folder / ".keyplan" / "ledger.db"
    assert shell("plan", "-v").err == (
        f"keys.yaml: 2 actions and 0 unmanaged keys for ml-platform, ledger {ledger}\n"
        "space production is space-production\n"
    )


@USUAL
def test_what_was_asked_is_part_of_the_plan(shell: Shell) -> None:
    asked = ("--rotate", "user/ci", "--target", "user/*", "--allow-deletes", "3", "--allow-missing", "4")
    assert json.loads(shell("plan", *asked, "--format", "json").out)["request"] == {
        "rotate": ["user/ci"],
        "targets": ["user/*"],
        "allow_deletes": 3,
        "allow_missing": 4,
    }
