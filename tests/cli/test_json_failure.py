"""A program that asked for JSON gets one document, whatever goes wrong, and the exit status stands in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from cli.shell import MANIFEST, Outcome, Shell
from jsonschema import Draft202012Validator
from simulator import World

from keyplan.cli.json_failure import ANSWERING, wants_json
from keyplan.cli.main import COMMANDS, cli
from keyplan.documents.schemas import load
from keyplan.simulated.effects import EffectFault as Fault

COMMAND_LINES = {
    "validate": ["validate"],
    "plan": ["plan"],
    "apply": ["apply", "--auto-approve"],
    "drift": ["drift"],
    "revoke": ["revoke", "user/ci", "--auto-approve"],
    "rotate": ["rotate", "user/ci", "--auto-approve"],
    "calendar": ["calendar"],
    "audit": ["audit"],
    "explain": ["explain", "user/ci"],
    "rehearse": ["rehearse"],
    "show": ["show", "plan.json"],
    "doctor": ["doctor"],
    "leak": ["leak"],
    "list": ["list"],
    "ledger show": ["ledger", "show"],
    "history": ["history"],
    "ledger history": ["ledger", "history"],
    "ledger lock": ["ledger", "lock"],
}
READING = sorted(set(COMMAND_LINES) - {"show"})
ASKING = ["plan", "apply", "drift", "revoke", "rotate", "calendar", "rehearse", "list"]
VALIDATOR = Draft202012Validator(load("failure.v1"))


def check(done: Outcome, *, kind: str) -> dict[str, Any]:
    """Return the one document on stdout, once it is as published and says how the process ended."""
    document: dict[str, Any] = json.loads(done.out)
    VALIDATOR.validate(document)
    assert (document["exit_status"], document["kind"]) == (done.status, kind)
    assert document["message"].splitlines()[0] in done.err
    return document


def break_manifest(shell: Shell) -> None:
    shell.write("version: 7\n")


def break_yaml(shell: Shell) -> None:
    shell.write("keys: [\n")


def double_manifest(shell: Shell) -> None:
    shell.write()
    shell.write(name="keyplan.yaml")


def remove_manifest(shell: Shell) -> None:
    (shell.folder / "keys.yaml").unlink()


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize("name", sorted(COMMAND_LINES))
@pytest.mark.parametrize("way", ["words", "one word", "environment"])
def test_a_wrong_command_line_is_a_document(shell: Shell, name: str, way: str) -> None:
    words = [*COMMAND_LINES[name], "--nonsense"]
    if way == "environment":
        shell.environment |= dict.fromkeys(("KEYPLAN_FORMAT", "KEYPLAN_LEAK_FORMAT", "KEYPLAN_LIST_FORMAT"), "json")
    else:
        words += ["--format", "json"] if way == "words" else ["--format=json"]
    done = shell(*words)
    assert done.status == 64
    document = check(done, kind="usage")
    assert "--nonsense" in document["message"]


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize(
    ("spoil", "kind"),
    [(break_manifest, "manifest"), (break_yaml, "manifest"), (double_manifest, "input"), (remove_manifest, "input")],
)
@pytest.mark.usefixtures("manifest")
def test_a_wrong_manifest_is_a_document(shell: Shell, name: str, spoil: Any, kind: str) -> None:
    spoil(shell)
    done = shell(*COMMAND_LINES[name], "--format", "json")
    if name == "validate" and kind == "manifest":
        assert json.loads(done.out)["valid"] is False
        return
    if name == "list" and spoil is remove_manifest:
        assert (done.status, json.loads(done.out)) == (0, [])
        return
    assert done.status == 3
    document = check(done, kind=kind)
    places = [(problem["place"]["file"], problem["place"]["line"]) for problem in document["problems"]]
    assert bool(places) is (kind == "manifest")
    assert {file for file, _ in places} <= {"keys.yaml"}


@pytest.mark.usefixtures("manifest")
def test_a_wrong_plan_file_is_a_document(shell: Shell) -> None:
    check(shell("show", "plan.json", "--format", "json"), kind="input")
    shell.write("{", "plan.json")
    check(shell("show", "plan.json", "--format", "json"), kind="plan_file")


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize("name", ASKING)
def test_a_provider_that_fails_is_a_document(shell: Shell, name: str) -> None:
    for effect in ("provider.list_keys", "provider.search_keys"):
        shell.world.effects.inject(Fault.ERROR, effect, times=9)
    done = shell(*COMMAND_LINES[name], "--format", "json")
    assert done.status == 5
    document = check(done, kind="provider_unavailable")
    assert document["problems"] == []


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize("name", [*ASKING, "ledger show", "doctor"])
def test_a_bug_is_a_document(shell: Shell, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    for method in ("provider", "key_reader", "ledger_reader"):
        monkeypatch.setattr(type(shell.wiring), method, fail)
    done = shell(*COMMAND_LINES[name], "--format", "json")
    assert done.status == 1
    check(done, kind="bug")


@pytest.mark.usefixtures("manifest")
def test_what_is_not_approved_is_a_document(shell: Shell) -> None:
    done = shell("apply", "--format", "json")
    assert done.status == 4
    check(done, kind="refused")
    done = shell("apply", "--expect", "0" * 64, "--format", "json")
    check(done, kind="plan_stale")


def test_of_several_manifests_each_failure_is_listed(shell: Shell) -> None:
    for owner in ("prod", "test"):
        (shell.folder / owner).mkdir()
        shell.write(MANIFEST.replace("ml-platform", owner), f"{owner}/keys.yaml")
        shell.wiring.others[owner] = World()
        shell.wiring.others[owner].effects.inject(Fault.ERROR, "provider.list_keys", times=9)
    for verb in (["plan", "."], ["drift", "."], ["apply", ".", "--auto-approve"]):
        document = check(shell(*verb, "--format", "json"), kind="provider_unavailable")
        assert [error["manifest"] for error in document["errors"]] == ["prod/keys.yaml", "test/keys.yaml"]


def test_a_file_gets_the_document_too_so_that_no_former_answer_stays(shell: Shell) -> None:
    shell.write("an older answer", "plan.json")
    done = shell("plan", "none.yaml", "--format", "text", "--format", "json=plan.json")
    assert (done.status, done.out) == (3, "")
    document = json.loads((shell.folder / "plan.json").read_text())
    VALIDATOR.validate(document)
    assert document["exit_status"] == 3
    assert "is JSON, and not a saved plan" in shell("show", "plan.json").err


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize(
    "words",
    [
        ["plan", "--nonsense"],
        ["plan", "--nonsense", "--format", "text"],
        ["apply", "--nonsense", "--format", "json", "--json-lines", "-"],
        ["apply", "--format=json", "--json-lines=-"],
    ],
    ids=" ".join,
)
def test_nothing_else_is_written_if_json_is_not_asked_for(shell: Shell, words: list[str]) -> None:
    assert '"exit_status"' not in shell(*words).out


def test_a_group_without_a_command_is_a_document_if_the_environment_asks_for_json(shell: Shell) -> None:
    shell.environment["KEYPLAN_FORMAT"] = "json"
    assert json.loads(shell("ledger").out)["kind"] == "usage"
    assert shell("init", "--nonsense").out == ""


def test_words_after_two_dashes_are_no_options() -> None:
    assert not wants_json(["plan", "--", "--format=json"], {})
    assert wants_json(["plan", "--format=json", "--", "x"], {})


def find_verbs(group: click.Group, ctx: click.Context) -> set[str]:
    found = set()
    for verb in group.list_commands(ctx):
        command = group.get_command(ctx, verb)
        assert command is not None
        if isinstance(command, click.Group):
            found |= {verb} if find_verbs(command, ctx) else set()
        elif any("--format" in option.opts for option in command.params):
            found.add(verb)
    return found


def test_every_command_with_formats_is_known() -> None:
    assert find_verbs(cli, click.Context(cli)) == ANSWERING
    assert set(COMMANDS) >= ANSWERING
    assert {line[0] for line in COMMAND_LINES.values()} == ANSWERING


def test_the_schema_is_published(shell: Shell) -> None:
    assert json.loads(shell("schema", "failure").out) == json.loads(
        (Path(__file__).parents[2] / "schemas/failure.v1.json").read_text()
    )
