"""`keyplan explain`."""

from __future__ import annotations

import json
from pathlib import Path
from zlib import crc32

import pytest
from agreement.manifests import BROKEN, SOUND, write_base, write_edited
from agreement.worlds import CHANGES, Setting, list_settings
from cli.shell import Shell
from jsonschema import Draft202012Validator

from keyplan.documents.schemas import load

VALIDATOR = Draft202012Validator(load("explanation.v1"))
SHARE = 30


@pytest.fixture
def applied(shell: Shell, manifest: Path) -> Shell:
    """Return a shell in which the manifest is applied."""
    assert manifest.exists()
    assert shell("apply", "--auto-approve").status == 0
    return shell


def test_a_declaration_is_explained_as_text(applied: Shell) -> None:
    done = applied("explain", "user/ci")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("user/ci in keys.yaml: declared\n")
    assert "name                     ci                           keys.yaml:7:12\n" in done.out
    assert "sink                     local                        keys.yaml:5:18 (defaults)\n" in done.out
    assert "decided by   row 13: none of rows 6 to 12 fits\n" in done.out


def test_a_key_is_explained_as_json(applied: Shell) -> None:
    key = applied.world.provider.person_creates("by hand").id
    document = json.loads(applied("explain", key, "--format", "json").out)
    VALIDATOR.validate(document)
    assert (document["standing"], document["decision"]["row"], document["key"]["id"]) == ("unmanaged", "16", key)


def test_nothing_is_changed_and_nothing_is_locked(applied: Shell) -> None:
    before = applied.world.delivered(), dict(applied.world.provider.records), applied.world.ledger.recall()
    applied("explain", "user/ci")
    assert (applied.world.delivered(), dict(applied.world.provider.records), applied.world.ledger.recall()) == before
    assert applied.world.ledger.held is None


def test_a_subject_that_nothing_knows_is_wrong_input(applied: Shell) -> None:
    done = applied("explain", "user/cy")
    assert (done.status, done.out) == (3, "")
    assert "did you mean 'user/ci'?" in done.err


def test_another_manifest_can_be_named(applied: Shell) -> None:
    applied.write("version: 7\n", "other.yaml")
    assert applied("explain", "user/ci", "--manifest", "other.yaml").status == 3


@pytest.mark.parametrize("setting", tuple(list_settings()), ids=str)
def test_the_row_and_the_action_are_those_of_the_plan_in_some_combinations(setting: Setting, tmp_path: Path) -> None:
    tried = 0
    for change in CHANGES:
        for edit in (*SOUND, *BROKEN):
            if crc32(f"{setting} {change} {edit}".encode()) % SHARE:
                continue
            folder = tmp_path / f"{change}, {edit}"
            folder.mkdir()
            shell = Shell(folder=folder, world=setting.make_world())
            shell.write(write_base())
            assert shell("apply", "--auto-approve").status == 0
            CHANGES[change](shell.world)
            shell.world.restart()
            shell.write(write_edited({**SOUND, **BROKEN}[edit]))
            tried += _compare(shell)
    assert tried > 3


def _compare(shell: Shell) -> int:
    """Return how many actions of the plan were compared with their explanations."""
    planned = shell("plan", "--format", "json")
    if planned.status == 3:
        return 0
    actions = json.loads(planned.out)["resource_changes"]
    for address in {action["address"] for action in actions}:
        document = json.loads(shell("explain", address, "--format", "json").out)
        VALIDATOR.validate(document)
        shown = [one["action"] for one in (document["decision"], *document["further"]) if one["action"]]
        expected = [action for action in actions if action["address"] == address]
        assert _sort(shown) == _sort(expected)
        assert document["decision"]["row"]
    return len(actions)


def _sort(actions: list[dict[str, object]]) -> list[str]:
    fields = ("verb", "reason", "key_id", "blocked_by")
    return sorted(
        str([_name_guard(action) if field == "blocked_by" else action[field] for field in fields]) for action in actions
    )


def _name_guard(action: dict[str, object]) -> object:
    blocked = action.get("blocked_by")
    return blocked.get("guard") if isinstance(blocked, dict) else blocked
