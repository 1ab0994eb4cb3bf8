"""`--untrusted`: which verbs know it, what their answers say, and that nothing is opened that was not allowed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.shell import Shell

from keyplan.cli.main import _KNOW_UNTRUSTED, _READ_NO_MANIFEST, COMMANDS

HOSTILE = "version: 1\nowner: evil\nprovider: {base_url: 'https://evil.example'}\nkeys: []\n"


def test_a_plan_says_of_every_key_that_its_places_were_not_checked(shell: Shell) -> None:
    shell.write()
    done = shell("plan", "--untrusted", "--format", "json")
    document = json.loads(done.out)
    assert (done.status, document["unchecked"]) == (0, True)
    assert [one["notes"] for one in document["resource_changes"]] == [["its places were not checked"]] * 2


@pytest.mark.parametrize("as_format", ["text", "markdown"])
def test_people_read_it_too(shell: Shell, as_format: str) -> None:
    shell.write()
    done = shell("plan", "--untrusted", "--format", as_format)
    assert "its places were not checked" in done.out
    assert "no sink was asked" in done.out


@pytest.mark.parametrize("verb", ["plan", "drift", "validate"])
@pytest.mark.parametrize("named", [("--untrusted",), ()])
def test_what_it_does_not_allow_ends_with_3_place_and_rule(shell: Shell, verb: str, named: tuple[str, ...]) -> None:
    shell.write(HOSTILE)
    shell.environment |= {} if named else {"KEYPLAN_UNTRUSTED": "1"}
    done = shell(verb, *named)
    assert done.status == 3
    assert "keys.yaml:3:22: base_url means 'https://evil.example'" in done.err.replace("\n", " ")
    assert "policy/allow/base_urls in --untrusted" in done.err


@pytest.mark.parametrize("verb", sorted(set(COMMANDS) - _KNOW_UNTRUSTED - _READ_NO_MANIFEST))
def test_a_verb_that_does_what_a_manifest_says_refuses_it(shell: Shell, verb: str) -> None:
    shell.write()
    assert shell(verb, "--untrusted").status == 64
    shell.environment["KEYPLAN_UNTRUSTED"] = "1"
    refused = shell(verb)
    assert (refused.status, f"{verb} does what a manifest says" in refused.err) == (64, True)


@pytest.mark.parametrize("value", ["", "0", "false", "No"])
def test_a_variable_that_says_no_refuses_nothing(shell: Shell, value: str) -> None:
    shell.write()
    shell.environment["KEYPLAN_UNTRUSTED"] = value
    assert shell("apply", "--auto-approve").status == 0


@pytest.mark.parametrize("verb", ["plan", "validate", "drift"])
def test_a_manifest_that_is_a_link_out_of_the_folder_is_not_read(shell: Shell, verb: str, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.yaml"
    outside.write_text("aws_secret_access_key: hidden\n")
    (shell.folder / "linked.yaml").symlink_to(outside)
    done = shell(verb, "--untrusted", "linked.yaml")
    assert (done.status, "linked.yaml is a link that leads elsewhere" in done.err) == (3, True)
    assert "hidden" not in done.err + done.out


@pytest.mark.parametrize("verb", ["plan", "validate", "drift"])
def test_a_search_follows_no_link(shell: Shell, verb: str, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "keys.yaml").write_text("version: 1\nowner: hidden\nhidden: true\n")
    shell.write()
    (shell.folder / "far").symlink_to(outside)
    near = shell.folder / "near"
    near.mkdir()
    (near / "keys.yaml").symlink_to(outside / "keys.yaml")
    done = shell(verb, "--untrusted", ".")
    assert (done.status, "hidden" in done.err + done.out) in ((0, False), (4, False), (2, False)), done.err
    assert shell(verb, ".").status == 3


def test_without_a_name_a_link_is_no_manifest(shell: Shell, tmp_path: Path) -> None:
    (shell.folder / "keys.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    (tmp_path / "elsewhere.yaml").write_text(HOSTILE)
    assert "no manifest" in shell("validate", "--untrusted").err
