"""A searched folder: what is read, what is left out on purpose, and what stops the run because it would be missed."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from cli.shell import Outcome, Shell

from keyplan.app import manifest_search
from keyplan.app.context import RunContext
from keyplan.app.manifest_search import is_excluded

FOREIGN = "apiVersion: v1\nkind: Secret\n"


def write(shell: Shell, name: str, text: str | None = None) -> None:
    """Put a manifest of an owner of its own, or another text, into a folder that is made."""
    path = shell.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = "".join(letter for letter in name if letter.isalnum())
    path.write_text(f"version: 1\nowner: {owner}\nid: {owner}\nkeys: []\n" if text is None else text)


def link(shell: Shell, name: str, target: Path | str) -> None:
    (shell.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (shell.folder / name).symlink_to(target)


def shell_context(shell: Shell, told: list[str]) -> RunContext:
    """Return a context that keeps what the user is told."""
    streams = {name: io.StringIO() for name in ("stdin", "out", "err")}
    return replace(shell.session(**streams).context, say=told.append)


def names(done: Outcome) -> list[str]:
    """Return the manifests that `keyplan validate` read."""
    assert done.status == 0, done.err
    return [line.split(" is valid")[0] for line in done.out.splitlines()]


@pytest.mark.parametrize("name", ["keys.yaml", "keys.yml", "keyplan.yaml", "keyplan.yml"])
def test_every_default_name_is_found(shell: Shell, name: str) -> None:
    write(shell, f"envs/a/{name}")
    assert names(shell("validate", "envs")) == [f"envs/a/{name}"]
    write(shell, name)
    assert names(shell("validate")) == [name]


def test_a_manifest_in_a_hidden_folder_is_named_and_stops_the_run(shell: Shell) -> None:
    write(shell, "envs/a/keys.yaml")
    write(shell, "envs/.b/keys.yaml")
    done = shell("plan", "envs")
    assert (done.status, done.out) == (3, "")
    assert "envs/.b/keys.yaml is in a hidden folder, which is not searched" in done.err
    assert "--exclude" in done.err
    assert names(shell("validate", "envs", "--exclude", ".b")) == ["envs/a/keys.yaml"]
    assert names(shell("validate", "envs/.b")) == ["envs/.b/keys.yaml"]


def test_a_link_inside_the_tree_is_read_once(shell: Shell) -> None:
    write(shell, "envs/a/keys.yaml")
    link(shell, "envs/0", "a")
    link(shell, "envs/a/loop", "..")
    assert names(shell("validate", "envs")) == ["envs/a/keys.yaml"]


def test_a_folder_behind_a_visible_link_is_read_although_its_own_name_is_hidden(shell: Shell) -> None:
    write(shell, "envs/.b/keys.yaml")
    link(shell, "envs/b", ".b")
    assert names(shell("validate", "envs")) == ["envs/b/keys.yaml"]


def test_a_mounted_config_map_is_one_manifest(shell: Shell) -> None:
    write(shell, "mount/..2026_11_28/keys.yaml")
    link(shell, "mount/..data", "..2026_11_28")
    link(shell, "mount/keys.yaml", "..data/keys.yaml")
    assert names(shell("validate", "mount")) == ["mount/keys.yaml"]


def test_a_link_to_a_file_is_read_wherever_it_leads(shell: Shell) -> None:
    write(shell, "base/keys.yaml")
    link(shell, "envs/a/keys.yaml", "../../base/keys.yaml")
    assert names(shell("validate", "envs")) == ["envs/a/keys.yaml"]


def test_a_link_to_nothing_stops_the_run(shell: Shell) -> None:
    write(shell, "envs/a/keys.yaml")
    link(shell, "envs/b/keys.yaml", "nowhere")
    done = shell("validate", "envs")
    assert (done.status, "envs/b/keys.yaml does not exist" in done.err) == (3, True)


def test_a_link_out_of_the_tree_stops_the_run_if_manifests_are_there(shell: Shell) -> None:
    write(shell, "envs/a/keys.yaml")
    write(shell, "shared/deep/keys.yml")
    link(shell, "envs/b", "../shared")
    done = shell("validate", "envs")
    assert done.status == 3
    assert "envs/b leads out of envs to manifests, which are not read" in done.err
    assert names(shell("validate", "envs", "--exclude", "envs/b")) == ["envs/a/keys.yaml"]
    (shell.folder / "shared/deep/keys.yml").write_text(FOREIGN)
    assert names(shell("validate", "envs")) == ["envs/a/keys.yaml"]


def test_a_link_to_very_many_folders_is_named_and_not_searched(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_search, "_MOST_FOLDERS_OUTSIDE", 1)
    write(shell, "envs/a/keys.yaml")
    write(shell, "shared/deep/keys.yml")
    link(shell, "envs/b", "../shared")
    told: list[str] = []
    found = manifest_search.search_folder("envs", shell_context(shell, told), ())
    assert found == ["envs/a/keys.yaml"]
    assert told == ["envs/b leads out of envs to many folders, which are not searched"]


def test_a_folder_that_cannot_be_looked_into_stops_the_run(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    write(shell, "envs/a/keys.yaml")
    (shell.folder / "envs/locked").mkdir()

    def refuse(path: str) -> object:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    scandir = manifest_search.os.scandir
    monkeypatch.setattr(manifest_search.os, "scandir", refuse)
    done = shell("validate", "envs")
    assert (done.status, "envs/locked cannot be looked into: Permission denied" in done.err) == (3, True)


@pytest.mark.parametrize("folder", ["vendor", "node_modules", ".git"])
def test_folders_of_others_are_left_out_unless_they_are_named(shell: Shell, folder: str) -> None:
    write(shell, "envs/a/keys.yaml")
    write(shell, f"envs/{folder}/x/keys.yaml")
    assert names(shell("validate", "envs")) == ["envs/a/keys.yaml"]
    assert names(shell("validate", f"envs/{folder}")) == [f"envs/{folder}/x/keys.yaml"]


@pytest.mark.parametrize("text", [FOREIGN, "{{ template }}\n", "- 1\n", ""], ids=["other", "no YAML", "list", "empty"])
def test_a_foreign_file_in_a_searched_folder_is_named_and_skipped(shell: Shell, text: str) -> None:
    write(shell, "envs/a/keys.yaml")
    write(shell, "envs/chart/keys.yaml", text)
    done = shell("plan", "envs")
    assert (done.status, "envs/chart/keys.yaml" in done.out) == (0, False)
    assert "envs/chart/keys.yaml is not a keyplan manifest" in done.err


def test_a_foreign_file_that_is_named_is_fatal(shell: Shell) -> None:
    write(shell, "keys.yaml", FOREIGN)
    assert shell("plan", "keys.yaml").status == 3
    assert shell("plan").status == 3


def test_a_manifest_with_problems_is_not_taken_for_a_foreign_file(shell: Shell) -> None:
    for name, text in (("a", "owner: 7\n"), ("b", "{version: 1}\n"), ("c", "version: 1\nowner: [\n")):
        write(shell, f"envs/{name}/keys.yaml", text)
    done = shell("validate", "envs")
    assert done.status == 3
    assert all(f"envs/{name}/keys.yaml:" in done.err for name in "abc")


def test_a_folder_with_foreign_files_alone_is_3(shell: Shell) -> None:
    write(shell, "envs/keys.yaml", FOREIGN)
    done = shell("plan", "envs")
    assert (done.status, "no manifest in envs" in done.err) == (3, True)


@pytest.mark.parametrize(
    ("pattern", "is_out"),
    [
        ("old", True),
        ("o*/", True),
        ("envs/prod/old", True),
        ("./envs/prod/old/", True),
        ("prod/*", True),
        ("**/old", True),
        ("prod", False),
        ("OLD", False),
    ],
)
def test_a_pattern_without_a_slash_is_a_name_and_one_with_a_slash_is_a_path(pattern: str, is_out: bool) -> None:
    assert is_excluded("envs/prod/old", "prod/old", [pattern]) is is_out


@pytest.mark.parametrize("verb", ["validate", "plan", "drift"])
def test_the_environment_excludes_too(shell: Shell, verb: str) -> None:
    write(shell, "envs/a/keys.yaml")
    write(shell, "envs/old/keys.yaml", "version: 1\nbroken: [\n")
    assert shell(verb, "envs").status == 3
    shell.environment["KEYPLAN_EXCLUDE"] = "nothing:old"
    assert shell(verb, "envs").status == 0


def test_apply_excludes_as_plan_does(shell: Shell) -> None:
    write(shell, "envs/a/keys.yaml")
    write(shell, "envs/old/keys.yaml", "version: 1\nbroken: [\n")
    assert shell("apply", "envs", "--exclude", "old", "--auto-approve").status == 0
