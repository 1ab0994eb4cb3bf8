"""What a bad file gets: one clear line and exit 3."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cli.shell import MANIFEST, Shell

from keyplan.app import files as inputs

VERBS = ["validate", "plan", "apply", "show"]


def run_on(shell: Shell, verb: str, name: str) -> str:
    options = ["--auto-approve"] if verb == "apply" else []
    done = shell(verb, name, *options)
    assert (done.status, done.out) == (3, "")
    return done.err


@pytest.mark.parametrize("verb", VERBS)
def test_a_missing_file_gets_one_line_and_a_hint(shell: Shell, verb: str) -> None:
    assert run_on(shell, verb, "none.yaml").startswith("error: none.yaml does not exist\n  hint: ")


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"plan", "apply", "validate"}))
def test_a_folder_gets_one_line(shell: Shell, verb: str) -> None:
    assert run_on(shell, verb, ".") == "error: . is a folder, not a file\n"


@pytest.mark.parametrize("verb", VERBS)
def test_an_impossible_name_gets_one_line(shell: Shell, verb: str) -> None:
    assert run_on(shell, verb, "a\0b") == "error: a\\x00b cannot be read: its name is impossible\n"


def test_a_file_behind_a_file_gets_one_line(shell: Shell, manifest: Path) -> None:
    assert run_on(shell, "plan", f"{manifest.name}/x") == "error: keys.yaml/x cannot be read: Not a directory\n"


def test_a_file_without_end_is_not_read_to_its_end(shell: Shell) -> None:
    assert run_on(shell, "validate", "/dev/zero") == "error: /dev/zero is larger than 64 MiB\n"


def test_standard_input_without_end_is_not_read_to_its_end(shell: Shell) -> None:
    assert "error: - is larger than 64 MiB\n" in shell("plan", "-", stdin=bytes(inputs.MAX_INPUT_BYTES + 1)).err


def test_no_manifest_at_all_gets_one_line_and_a_hint(shell: Shell) -> None:
    done = shell("plan")
    assert done.status == 3
    assert done.err.startswith("error: no manifest: neither keys.yaml nor keyplan.yaml is in this folder\n  hint: ")


@pytest.mark.parametrize("name", ["keys.yaml", "keyplan.yaml"])
def test_either_default_name_is_found(shell: Shell, name: str) -> None:
    shell.write(name=name)
    assert shell("validate").out == f"{name} is valid: 2 keys.\n"


def test_the_environment_names_the_manifest_and_an_argument_is_stronger(shell: Shell) -> None:
    shell.environment["KEYPLAN_MANIFEST"] = "team.yaml"
    shell.write(name="team.yaml")
    shell.write(name="other.yaml")
    assert shell("validate").out.startswith("team.yaml is valid")
    assert shell("validate", "other.yaml").out.startswith("other.yaml is valid")


def test_every_problem_of_a_manifest_has_its_line_and_nothing_else(shell: Shell) -> None:
    shell.write(MANIFEST.replace("key_type: user", "key_type: usr").replace("{sink: local}", "{sink: lokal}"))
    done = shell("validate")
    assert done.status == 3
    assert len(done.err.splitlines()) >= 2
    assert all(re.match(r"keys\.yaml:\d+:\d+: ", line) for line in done.err.splitlines())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("{", id="cut off"),
        pytest.param('{"format_version": ', id="cut off later"),
        pytest.param("[]", id="a list"),
        pytest.param("{}", id="an empty object"),
        pytest.param("\0\1\2", id="binary"),
        pytest.param("", id="empty"),
        pytest.param("[" * 100_000, id="too deep"),
        pytest.param('{"format_version": "1.0", "x": ' + "9" * 5000 + "}", id="a number that is too long"),
    ],
)
def test_what_is_no_plan_is_told_in_one_line_and_a_hint(shell: Shell, content: str) -> None:
    shell.write(content, "plan.json")
    error, *hints = run_on(shell, "show", "plan.json").splitlines()
    assert error.startswith("error: plan.json")
    assert hints in ([], ["  hint: make one with: keyplan plan --out FILE"])


def test_a_report_is_no_plan(shell: Shell) -> None:
    shell.write('{"format_version": "1.0", "outcomes": []}', "report.json")
    assert run_on(shell, "show", "report.json").startswith("error: report.json is JSON, and not a saved plan\n  hint: ")


@pytest.mark.usefixtures("manifest")
def test_a_saved_plan_beside_a_manifest_is_told_to_go_alone(shell: Shell) -> None:
    shell("plan", "--out", "plan.json")
    error = shell("apply", "keys.yaml", "plan.json")
    assert (error.status, "plan.json is a saved plan, which is applied alone" in error.err) == (3, True)


@pytest.mark.usefixtures("manifest")
def test_a_saved_plan_whose_manifest_is_not_here_says_how_to_name_it(shell: Shell) -> None:
    shell("plan", "--out", "plan.json")
    (shell.folder / "keys.yaml").unlink()
    assert run_on(shell, "apply", "plan.json").endswith("or name the manifest: --manifest FILE\n")


def test_a_plan_that_lacks_something_is_told_the_field(shell: Shell) -> None:
    shell.write('{"format_version": "1.0", "resource_changes": []}', "plan.json")
    assert run_on(shell, "apply", "plan.json") == "error: plan.json: plan.provider is missing\n"


def test_a_plan_of_another_major_version_is_refused_with_a_hint(shell: Shell) -> None:
    shell.write('{"format_version": "2.0"}', "plan.json")
    assert "has format version 2.0, and this keyplan reads 1.x\n  hint: " in run_on(shell, "show", "plan.json")


@pytest.mark.usefixtures("manifest")
def test_a_plan_of_a_newer_minor_version_is_taken_with_another_digest(shell: Shell) -> None:
    text = shell("plan", "--format", "json").out
    shell.write(re.sub('"digest": "[0-9a-f]+"', '"digest": "newer"', text).replace('"1.1"', '"1.4"'), "plan.json")
    assert shell("show", "plan.json").status == 0


def test_a_manifest_in_json_is_no_plan(shell: Shell) -> None:
    shell.write('{"version": 1, "owner": "o", "keys": []}', "keys.json")
    assert shell("apply", "keys.json", "--auto-approve").status == 0
