"""`keyplan init`, `schema`, `ledger`, `completion`, `version`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cli.shell import MANIFEST, Shell
from jsonschema import Draft202012Validator

import keyplan
from keyplan.documents import schemas


def test_init_writes_a_manifest_that_is_valid(shell: Shell) -> None:
    done = shell("init", "--owner", "team-a")
    assert done.status == 0
    assert "secrets/" in done.err
    assert shell("validate").out == "keys.yaml is valid: 1 key.\n"
    assert "owner: team-a\n" in (shell.folder / "keys.yaml").read_text()


def test_init_gives_each_manifest_an_id_of_its_own(shell: Shell) -> None:
    for name in ("a.yaml", "b.yaml"):
        shell("init", name)
    first, second = (
        re.findall("^id: (.*)$", (shell.folder / name).read_text(), re.MULTILINE) for name in ("a.yaml", "b.yaml")
    )
    assert len(first + second) == 2
    assert first != second
    assert [shell("validate", name).err for name in ("a.yaml", "b.yaml")] == ["", ""]


def test_init_names_the_owner_after_the_folder_of_the_manifest(shell: Shell) -> None:
    (shell.folder / "Team Keys").mkdir()
    assert shell("init", "Team Keys/keys.yaml").status == 0
    assert "\nowner: team-keys\n" in (shell.folder / "Team Keys" / "keys.yaml").read_text()


@pytest.mark.skipif(shutil.which("git") is None, reason="asks the real git")
def test_init_names_the_owner_after_the_repository(shell: Shell) -> None:
    shell.environment["PATH"] = os.environ["PATH"]
    for arguments in (["init", "--quiet"], ["remote", "add", "origin", "git@git.example.com:acme/payments-keys.git"]):
        subprocess.run(["git", "-C", str(shell.folder), *arguments], check=True, capture_output=True)
    assert shell("init").status == 0
    assert "\nowner: payments-keys\n" in (shell.folder / "keys.yaml").read_text()


@pytest.mark.parametrize("owner", ["2024", "1e5", "0x10"])
def test_init_quotes_an_owner_that_yaml_would_read_as_a_number(shell: Shell, owner: str) -> None:
    shell("init", "--owner", owner)
    assert (shell("validate").status, f'owner: "{owner}"\n' in (shell.folder / "keys.yaml").read_text()) == (0, True)


def test_init_asks_for_an_owner_if_nothing_gives_one(shell: Shell) -> None:
    (shell.folder / "\u9375").mkdir()
    done = shell("init", "\u9375/keys.yaml")
    assert (done.status, list((shell.folder / "\u9375").iterdir())) == (64, [])
    assert "name one: keyplan init --owner OWNER" in done.err


def test_init_overwrites_nothing(shell: Shell, manifest: Path) -> None:
    done = shell("init")
    assert (done.status, manifest.read_text()) == (3, MANIFEST)
    assert "keys.yaml is there already" in done.err


def test_init_takes_another_name(shell: Shell) -> None:
    shell("init", "team.yaml")
    assert shell("validate", "team.yaml").status == 0


@pytest.mark.parametrize("owner", ["", "Team", "a b", "-a", "a\n", "x" * 64])
def test_init_takes_a_slug_as_owner(shell: Shell, owner: str) -> None:
    assert shell("init", "--owner", owner).status == 64
    assert not list(shell.folder.iterdir())


def test_init_into_a_missing_folder_gets_one_line(shell: Shell) -> None:
    done = shell("init", "none/keys.yaml")
    assert done.status == 3
    assert "cannot be written: No such file or directory" in done.err


@pytest.mark.parametrize("name", ["plan", "report"])
def test_schema_prints_what_is_published(shell: Shell, name: str) -> None:
    assert json.loads(shell("schema", name).out) == schemas.load(f"{name}.v1")


def test_the_schema_of_the_manifest_knows_the_options_of_plugins(shell: Shell) -> None:
    validator = Draft202012Validator(json.loads(shell("schema", "manifest").out))
    good = {"version": 1, "owner": "o", "keys": [], "sinks": {"local": {"type": "file", "path": "x"}}}
    assert validator.is_valid(good)
    assert not validator.is_valid(good | {"sinks": {"local": {"type": "file", "paht": "x"}}})
    assert validator.is_valid(good | {"sinks": {"local": {"type": "another", "anything": 1}}})
    assert validator.is_valid(good | {"provider": {"region": "eu-west-1a"}})
    assert not validator.is_valid(good | {"provider": {"regoin": "eu-west-1a"}})
    assert validator.is_valid(good | {"ledger": {"path": "x.db"}})
    assert not validator.is_valid(good | {"ledger": {"paht": "x.db"}})
    assert validator.is_valid(good | {"ledger": {"type": "another", "anything": 1}})


def test_a_schema_is_written_for_use_without_network(shell: Shell) -> None:
    done = shell("schema", "manifest", "--out", "editor/schemas")
    assert (done.status, done.out) == (0, "Wrote editor/schemas/manifest.v1.json\n")
    assert "# yaml-language-server: $schema=./editor/schemas/manifest.v1.json\n" in done.err
    written = shell.folder / "editor" / "schemas" / "manifest.v1.json"
    assert written.read_text() == shell("schema", "manifest").out
    assert shell("schema", "plan", "--out", "editor/schemas").err == ""


def test_a_schema_into_a_folder_that_cannot_be_made_gets_one_line(shell: Shell) -> None:
    (shell.folder / "taken").write_text("")
    done = shell("schema", "manifest", "--out", "taken")
    assert (done.status, done.out) == (3, "")
    assert "taken cannot be made: File exists" in done.err


def test_init_names_the_schema_to_editors(shell: Shell) -> None:
    shell("init")
    first = (shell.folder / "keys.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema={schemas.load('manifest.v1')['$id']}"


def test_ledger_show_tells_receipts_and_the_lock(shell: Shell, manifest: Path) -> None:
    shell("apply", "--auto-approve")
    with shell.world.ledger.lock(shell.wiring.holder("apply"), patience=timedelta(0)):
        shown = shell("ledger", "show", manifest.name).out
    assert shown.startswith("Lock: 5f3a is held by ada on ci-1, process 42, since ")
    assert "2 receipts, 0 open intents." in shown


def test_ledger_history_tells_past_applies(shell: Shell, manifest: Path) -> None:
    shell("apply", "--auto-approve")
    assert "2 added, 0 changed, 0 destroyed, 0 failed" in shell("ledger", "history", manifest.name).out


@pytest.mark.usefixtures("manifest")
def test_ledger_unlock_breaks_the_lock_of_that_id(shell: Shell) -> None:
    with shell.world.ledger.lock(shell.wiring.holder("apply"), patience=timedelta(0)):
        assert shell("ledger", "unlock", "other").status == 3
        assert shell("ledger", "unlock", "5f3a").out.startswith("The lock 5f3a is broken.\n")
    assert shell.world.ledger.held is None


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: Shell, shell_name: str) -> None:
    done = shell("completion", shell_name)
    assert done.status == 0
    assert "_KEYPLAN_COMPLETE" in done.out


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_the_version_is_said(shell: Shell, arguments: list[str]) -> None:
    done = shell(*arguments)
    assert (done.status, done.out) == (0, f"keyplan {keyplan.__version__}\n")
