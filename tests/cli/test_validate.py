"""`keyplan validate` of several manifests, in every format."""

from __future__ import annotations

import json

import pytest
from cli.shell import MANIFEST, Shell
from jsonschema import Draft202012Validator

from keyplan.documents import schemas

WRONG = MANIFEST.replace("key_type: user", "key_type: usr")
POLICY = "version: 1\nallowed_key_types: [service]\n"


@pytest.fixture
def envs(shell: Shell) -> Shell:
    """Return a shell with a sound manifest and one with a mistake."""
    for name, text in (("prod", MANIFEST), ("test", WRONG)):
        (shell.folder / "envs" / name).mkdir(parents=True)
        shell.write(text, f"envs/{name}/keys.yaml")
    return shell


def test_a_folder_stands_for_every_manifest_below_it(envs: Shell) -> None:
    done = envs("validate", "envs")
    assert (done.status, done.out) == (3, "envs/prod/keys.yaml is valid: 2 keys.\n")
    assert done.err.startswith("envs/test/keys.yaml:7:")


def test_json_says_where_everything_stands(envs: Shell) -> None:
    document = json.loads(envs("validate", "envs", "--format", "json").out)
    Draft202012Validator(schemas.load("validation.v1")).validate(document)
    (problem,) = document["manifests"][1]["problems"]
    assert (document["valid"], problem["place"]["line"], document["manifests"][0]["problems"]) == (False, 7, [])


def test_sarif_and_annotations_name_file_and_line(envs: Shell) -> None:
    done = envs("validate", "envs", "--format", "github", "--format", "sarif=keyplan.sarif")
    assert done.out.startswith("::error file=envs/test/keys.yaml,line=7,")
    (run,) = json.loads((envs.folder / "keyplan.sarif").read_text())["runs"]
    (result,) = run["results"]
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 7


def test_a_violation_of_a_policy_has_its_rule_in_sarif(shell: Shell) -> None:
    shell.write()
    shell.write(POLICY, "platform.yaml")
    done = shell("validate", "--policy", "platform.yaml", "--format", "sarif")
    (run,) = json.loads(done.out)["runs"]
    assert (done.status, [result["ruleId"] for result in run["results"]]) == (3, ["policy/allowed_key_types"])


def test_a_problem_of_a_policy_file_is_told_once(envs: Shell) -> None:
    envs.write("version: 9\n", "platform.yaml")
    done = envs("validate", "envs", "--policy", "platform.yaml")
    assert (done.status, done.err.count("platform.yaml:1:")) == (3, 1)


def test_a_runner_hears_of_a_file_that_is_not_there(shell: Shell) -> None:
    done = shell("validate", "none.yaml", "--format", "github")
    assert (done.status, done.out.startswith("::error ")) == (3, True)


def test_a_pattern_that_is_none_is_a_problem_like_any_other(shell: Shell) -> None:
    shell.write(MANIFEST + 'policy: {names: "[a-z"}\n')
    done = shell("validate")
    assert (done.status, "is not a regular expression of RE2" in done.err) == (3, True)


def test_names_that_look_alike_are_a_warning_and_no_problem(shell: Shell) -> None:
    shell.write(MANIFEST + "  - {name: CI, key_type: user}\n")
    done = shell("validate", "--format", "json")
    document = json.loads(done.out)
    Draft202012Validator(schemas.load("validation.v1")).validate(document)
    (warning,) = document["manifests"][0]["warnings"]
    assert (done.status, f"Warning: {warning}\n" in done.err) == (0, True)
