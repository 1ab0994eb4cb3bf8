"""Which manifests names mean: each file once, and never two of one folder."""

from __future__ import annotations

import pytest
from cli.shell import MANIFEST, Shell

OTHER = MANIFEST.replace("ml-platform", "other").replace("k7f3a9c2", "k2")
FOREIGN = "apiVersion: v1\n"


@pytest.mark.usefixtures("manifest")
@pytest.mark.parametrize("again", ["keys.yaml", "./keys.yaml", "linked.yaml", "linked/keys.yaml", "."])
def test_one_file_under_two_names_is_one_manifest(shell: Shell, again: str) -> None:
    (shell.folder / "linked.yaml").symlink_to("keys.yaml")
    (shell.folder / "linked").symlink_to(".")
    planned = shell("plan", "keys.yaml", again)
    assert (planned.status, planned.err) == (0, "")
    assert planned.out.endswith("Plan: 2 to add, 0 to change, 0 to destroy.\n")


@pytest.mark.parametrize("second", ["keyplan.yaml", "keys.yml", "keyplan.yml"])
@pytest.mark.parametrize(
    "words",
    [
        ["plan"],
        ["plan", "."],
        ["plan", "keys.yaml", "{second}"],
        ["validate"],
        ["drift"],
        ["apply", "--auto-approve"],
        ["list"],
        ["doctor"],
        ["calendar"],
        ["explain", "user/ci"],
        ["rotate", "user/ci", "--auto-approve"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("manifest")
def test_two_manifests_in_one_folder_are_an_error_everywhere(shell: Shell, second: str, words: list[str]) -> None:
    shell.write(OTHER, second)
    done = shell(*(word.format(second=second) for word in words))
    assert done.status == 3
    assert "are in one folder, and keyplan cannot decide which one to use" in done.err


@pytest.mark.usefixtures("manifest")
def test_one_of_two_manifests_may_be_named(shell: Shell) -> None:
    shell.write(OTHER, "keyplan.yaml")
    assert shell("validate", "keyplan.yaml").out == "keyplan.yaml is valid: 2 keys.\n"


def test_a_foreign_file_beside_the_manifest_is_not_a_second_one(shell: Shell) -> None:
    shell.write(FOREIGN, "keys.yaml")
    shell.write(OTHER, "keyplan.yaml")
    assert shell("validate").out == "keyplan.yaml is valid: 2 keys.\n"


def test_a_pattern_leaves_out_what_is_excluded(shell: Shell) -> None:
    for name in ("a", "b", "old"):
        (shell.folder / "envs" / name).mkdir(parents=True)
        shell.write(MANIFEST.replace("ml-platform", name), f"envs/{name}/keys.yaml")
    done = shell("validate", "envs/*/keys.yaml", "--exclude", "old")
    assert [line.split(" ")[0] for line in done.out.splitlines()] == ["envs/a/keys.yaml", "envs/b/keys.yaml"]


@pytest.mark.usefixtures("manifest")
def test_init_writes_no_second_manifest_into_a_folder(shell: Shell) -> None:
    done = shell("init", "keyplan.yaml", "--owner", "ml")
    assert (done.status, "are in one folder" in done.err) == (3, True)
    assert not (shell.folder / "keyplan.yaml").exists()
    assert shell("init", "more.yaml", "--owner", "ml").status == 0
