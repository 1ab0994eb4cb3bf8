"""`keyplan fmt` writes each file whole or not at all, and says which."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import yaml
from cli.shell import Shell

from keyplan.documents import schemas

ROOT = Path(__file__).parents[2]
ODD = "owner:   x\nversion: 1\nkeys: []\n"
EVEN = f"{schemas.modeline()}\nversion: 1\nowner: x\nkeys: []\n"


def test_fmt_writes_the_manifest_of_the_folder_and_names_it(shell: Shell) -> None:
    (shell.folder / "keys.yaml").write_text(ODD)
    done = shell("fmt")
    assert (done.status, done.out, done.err) == (0, "keys.yaml\n", "")
    assert (shell.folder / "keys.yaml").read_text() == EVEN
    again = shell("fmt")
    assert (again.status, again.out, again.err) == (0, "", "")


def test_check_names_what_would_change_and_writes_nothing(shell: Shell) -> None:
    for name, text in (("a", ODD), ("b", EVEN)):
        (shell.folder / name).mkdir()
        (shell.folder / name / "keys.yaml").write_text(text)
    done = shell("fmt", "--check", ".")
    assert (done.status, done.out) == (3, "a/keys.yaml\n")
    assert (shell.folder / "a" / "keys.yaml").read_text() == ODD
    assert shell("fmt", "--check", "b/keys.yaml").status == 0


def test_standard_input_comes_out_formatted(shell: Shell) -> None:
    assert shell("fmt", "-", stdin=ODD.encode()).out == EVEN
    done = shell("fmt", "--check", "-", stdin=ODD.encode())
    assert (done.status, done.out) == (3, "-\n")


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(shell: Shell) -> None:
    real = shell.folder / "real.yaml"
    real.write_text(ODD)
    real.chmod(0o640)
    (shell.folder / "keys.yaml").symlink_to("real.yaml")
    assert shell("fmt").status == 0
    assert (shell.folder / "keys.yaml").is_symlink()
    assert real.read_text() == EVEN
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(path.name for path in shell.folder.iterdir()) == ["keys.yaml", "real.yaml"]


def test_what_cannot_be_read_is_reported_and_the_others_are_written(shell: Shell) -> None:
    for name, text in (("bad.yaml", "owner: [\n"), ("worse.yaml", "a: 1\na: 2\n"), ("good.yaml", ODD)):
        (shell.folder / name).write_text(text)
    done = shell("fmt", "bad.yaml", "worse.yaml", "good.yaml", "none.yaml")
    assert (done.status, done.out) == (3, "good.yaml\n")
    assert "bad.yaml:2:1: " in done.err
    assert "worse.yaml:2:1: " in done.err
    assert "none.yaml does not exist" in done.err
    assert (shell.folder / "bad.yaml").read_text() == "owner: [\n"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_gets_one_line(shell: Shell) -> None:
    (shell.folder / "keys.yaml").write_text(ODD)
    shell.folder.chmod(0o500)
    assert "cannot be written" in shell("fmt").err


def test_with_untrusted_no_link_is_followed(shell: Shell) -> None:
    outside = shell.folder.parent / f"{shell.folder.name}.yaml"
    outside.write_text(ODD)
    (shell.folder / "keys.yaml").symlink_to(outside)
    done = shell("fmt", "--untrusted", "keys.yaml")
    assert (done.status, done.out, outside.read_text()) == (3, "", ODD)
    assert "keys.yaml is a link" in done.err


def test_init_writes_what_fmt_would(shell: Shell) -> None:
    shell("init", "--owner", "team-a")
    assert shell("fmt", "--check").out == ""


@pytest.mark.parametrize(
    "path", sorted(path.relative_to(ROOT) for path in (ROOT / "examples").rglob("keys.yaml")), ids=str
)
def test_every_example_is_in_canonical_form(shell: Shell, path: Path) -> None:
    (shell.folder / "keys.yaml").write_text((ROOT / path).read_text())
    assert shell("fmt", "--check").out == ""


def test_the_hook_of_pre_commit_is_given_the_files_that_validate_is_given() -> None:
    validate, fmt = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert fmt["entry"] == "keyplan fmt"
    assert {**fmt, **{name: validate[name] for name in ("id", "name", "description", "entry")}} == validate
