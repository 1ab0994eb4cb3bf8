"""Every command reads the manifest that its layers make, and plans it as if it had been written out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from app.watched import Process, pass_time
from cli.shell import Outcome, Shell
from samples import LOCAL
from simulator import World

import keyplan
from keyplan.app.pace import POLL_FILES

BASE = """\
version: 1
owner: ml-platform
id: k7f3a9c2
include: [common.yaml]
vars: {stage: staging}
keys:
  - {for_each: [ci, cd], name: "${each}-${var.stage}", key_type: user, description: "of ${var.stage}"}
  - {name: old, key_type: user}
"""
COMMON = f'sinks: {{{LOCAL}: {{type: file, path: "{{name}}.key"}}}}\ndefaults: {{sink: {LOCAL}}}\n'
PROD = "vars: {stage: prod}\nkeys: {user/old: null, user/ci-prod: {expires_in: 30d}}\n"
WRITTEN = f"""\
version: 1
owner: ml-platform
id: k7f3a9c2
{COMMON}keys:
  - {{name: cd-prod, key_type: user, description: of prod}}
  - {{name: ci-prod, key_type: user, description: of prod, expires_in: 30d}}
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    made = Shell(tmp_path, World())
    made.write(BASE)
    made.write(COMMON, "common.yaml")
    made.write(PROD, "prod.yaml")
    return made


def written_out(tmp_path: Path, text: str = WRITTEN) -> Shell:
    (tmp_path / "written").mkdir()
    made = Shell(tmp_path / "written", World())
    made.write(text)
    return made


def without_places(done: Outcome) -> object:
    plan = json.loads(done.out)
    for change in plan["resource_changes"]:
        del change["place"]
    return plan


def test_the_plan_is_that_of_the_manifest_written_out(tmp_path: Path, shell: Shell) -> None:
    written = written_out(tmp_path)
    for arguments in (["plan"], ["calendar"], ["doctor"]):
        composed = shell(*arguments, "--overlay", "prod.yaml")
        assert (composed.status, composed.out) == (written(*arguments).status, written(*arguments).out)
    composed = shell("plan", "--format", "json", "--overlay", "prod.yaml")
    assert without_places(composed) == without_places(written("plan", "--format", "json"))


def test_what_show_writes_gives_the_same_plan(tmp_path: Path, shell: Shell) -> None:
    shown = shell("show", "--manifest", "keys.yaml", "--overlay", "prod.yaml")
    assert (shown.status, shown.err) == (0, "")
    assert "    expires_in: 30d  # prod.yaml:2:51\n" in shown.out
    planned = shell("plan", "--overlay", "prod.yaml").out
    assert written_out(tmp_path, shown.out)("plan").out == planned
    assert "user/ci-prod" in planned


def test_a_saved_plan_is_applied_with_the_layers_that_it_was_made_with(shell: Shell) -> None:
    saved = shell("plan", "--out", "plan.json", "--overlay", "prod.yaml", "--var", "stage=a b")
    assert saved.status == 3
    layers = ("--overlay", "prod.yaml", "--var", "stage=prod")
    saved = shell("plan", "--out", "plan.json", *layers)
    assert saved.err.endswith("keyplan apply plan.json --overlay prod.yaml --var stage=prod\n")
    assert shell("apply", "plan.json").status == 4
    assert shell("apply", "plan.json", *layers).status == 0
    assert sorted(record.name for record in shell.world.provider.records.values()) == ["cd-prod", "ci-prod"]


def test_layers_may_stand_in_the_environment(shell: Shell) -> None:
    shell.environment |= {"KEYPLAN_OVERLAY": "prod.yaml", "KEYPLAN_VAR": "stage=live\nstage=prod"}
    assert "user/ci-prod" in shell("validate", "--format", "json").out or shell("validate").status == 0
    assert "2 to add" in shell("plan").out
    shell.write("stage: x\n", "values.yaml")
    shell.environment |= {"KEYPLAN_VAR": "", "KEYPLAN_VAR_FILE": "values.yaml", "KEYPLAN_OVERLAY": ""}
    assert "user/ci-x" in shell("plan").out


def test_a_layer_is_not_written_over(shell: Shell) -> None:
    assert shell("plan", "--overlay", "prod.yaml", "--out", "prod.yaml").status == 64


def test_a_layer_that_a_link_leads_to_is_not_read_for_strangers(tmp_path: Path, shell: Shell) -> None:
    (tmp_path.parent / "outside.yaml").write_text("{}\n")
    (tmp_path / "link.yaml").symlink_to(tmp_path.parent / "outside.yaml")
    done = shell("validate", "--untrusted", "--overlay", "link.yaml")
    assert (done.status, "link.yaml is a link that leads elsewhere" in done.err) == (3, True)
    assert shell("validate", "--overlay", "link.yaml").status == 0


def test_policies_judge_the_result(shell: Shell) -> None:
    shell.write("version: 1\nnames: '[a-z]+'\n", "policy.yaml")
    shown = shell("validate", "--policy", "policy.yaml").err
    assert "keys.yaml:7:32: user/ci-staging: its name 'ci-staging' does not match" in shown
    assert "(for_each element 'cd')" in shown


@pytest.mark.parametrize("arguments", [["show"], ["show", "plan.json", "--manifest", "keys.yaml"]])
def test_show_shows_one_thing(shell: Shell, arguments: list[str]) -> None:
    assert shell(*arguments).status in (3, 64)


def test_show_refuses_what_other_commands_refuse(shell: Shell) -> None:
    shell.write(BASE + "nonsense: 1\n")
    done = shell("show", "--manifest", "keys.yaml")
    assert (done.status, done.out) == (3, "")


def test_the_library_takes_layers_too(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shell.folder)
    layers = keyplan.Layers(overlays=("prod.yaml",), variables={"stage": "prod"})
    manifest = keyplan.read_manifest("keys.yaml", layers=layers)
    assert [declared.address for declared in manifest.keys] == ["user/ci-prod", "user/cd-prod"]


def test_a_watch_notices_changes_of_layers_and_included_files(shell: Shell) -> None:
    process = Process(shell.folder, shell.world)
    pass_time(shell.world, POLL_FILES, process)
    before = process.count("read")
    shell.write(COMMON + "vars: {unused: x}\n", "common.yaml")
    pass_time(shell.world, 2 * POLL_FILES, process)
    assert process.count("read") > before
    (shell.folder / "common.yaml").unlink()
    pass_time(shell.world, 2 * POLL_FILES, process)
    assert process.count("unreadable") == 1
    shell.write(COMMON, "common.yaml")
    before = process.count("read")
    pass_time(shell.world, 2 * POLL_FILES, process)
    assert process.count("read") > before
