"""What Mercurial ignores and tracks, asked of the real one, and of one that cannot tell."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from keyplan.errors import SinkDeniedError
from keyplan.system.git import TrackedFile, UnknownTracking
from keyplan.system.mercurial import MercurialIgnoring, find_tracked

PATH = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
ENVIRONMENT = {"PATH": PATH, "HOME": "/nonexistent"}
needs_hg = pytest.mark.skipif(shutil.which("hg", path=PATH) is None, reason="asks the real hg")
Ended = subprocess.CompletedProcess[bytes]


def hg(folder: Path, *arguments: str) -> None:
    environment = {**ENVIRONMENT, "HGPLAIN": "1", "HGRCPATH": "", "HGUSER": "t"}
    subprocess.run(["hg", "--cwd", str(folder), *arguments], check=True, capture_output=True, env=environment)


@pytest.fixture
def work_tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    hg(folder, "init", ".")
    (folder / ".hgignore").write_text("syntax: glob\nsecrets\n*.key\n.*.key.keyplan.lock\nnarrow.env\n")
    return folder


@needs_hg
@pytest.mark.parametrize("path", ["secrets/ci.env", "a.key", "deep/down/b.key", "secrets/c i.env"])
def test_an_ignored_path_may_be_written_though_its_folder_is_missing(work_tree: Path, path: str) -> None:
    MercurialIgnoring(ENVIRONMENT).refuse_unignored(work_tree / path)


@needs_hg
def test_a_path_that_mercurial_would_commit_is_refused(work_tree: Path) -> None:
    with pytest.raises(SinkDeniedError, match=r"deep/ci\.env lies in the Mercurial work tree") as caught:
        MercurialIgnoring(ENVIRONMENT).refuse_unignored(work_tree / "deep" / "ci.env")
    assert "add its folder to .hgignore" in caught.value.advice


@needs_hg
def test_a_path_whose_draft_mercurial_would_commit_is_refused(work_tree: Path) -> None:
    with pytest.raises(SinkDeniedError, match=r"narrow\.env\.keyplan\.lock/0, which holds a raw key"):
        MercurialIgnoring(ENVIRONMENT).refuse_unignored(work_tree / "narrow.env")


@needs_hg
def test_a_tracked_file_is_refused_though_a_pattern_ignores_it(work_tree: Path) -> None:
    (work_tree / "a.key").write_text("was committed once")
    hg(work_tree, "add", "a.key")
    with pytest.raises(SinkDeniedError) as caught:
        MercurialIgnoring(ENVIRONMENT).refuse_unignored(work_tree / "a.key")
    assert "hg forget 'a.key'" in caught.value.advice


@needs_hg
def test_no_program_of_a_configuration_is_run(work_tree: Path, tmp_path: Path) -> None:
    extension = tmp_path / "evil.py"
    extension.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    for file in (work_tree / ".hg/hgrc", tmp_path / ".hgrc"):
        file.write_text(f"[extensions]\nevil = {extension}\n")
    MercurialIgnoring({**ENVIRONMENT, "HOME": str(tmp_path)}).refuse_unignored(work_tree / "a.key")
    assert not (tmp_path / "ran").exists()


@needs_hg
@pytest.mark.parametrize("name", ["ledger.db", "ledger.db-journal"])
def test_a_tracked_ledger_is_found(work_tree: Path, name: str) -> None:
    (work_tree / "deep").mkdir()
    (work_tree / "deep" / name).touch()
    names = ["ledger.db", "ledger.db-journal"]
    assert find_tracked(work_tree / "deep", names, ENVIRONMENT) is None
    hg(work_tree, "add", f"deep/{name}")
    expected = TrackedFile(work_tree=work_tree, name=f"deep/{name}", program="hg")
    assert find_tracked(work_tree / "deep", names, ENVIRONMENT) == expected


class Answer:
    """Stands for hg: ignores all names of some folder and tracks none, or fails; counts what it was asked."""

    def __init__(self, status: int | None = 0) -> None:
        self.status = status
        self.asked: list[tuple[str, ...]] = []
        self.environments: list[Mapping[str, str]] = []

    def __call__(self, argv: Sequence[str], folder: Path, environment: Mapping[str, str], given: bytes) -> Ended | None:
        self.asked.append(tuple(argv))
        self.environments.append(environment)
        if self.status is None:
            return None
        if "files" in argv:
            return subprocess.CompletedProcess(argv, self.status or 1, b"")
        out = "".join(f"{name} is ignored because of containing directory out\n" for name in argv[4:])
        return subprocess.CompletedProcess(argv, self.status, out.encode())


def test_outside_of_any_work_tree_mercurial_is_not_asked(tmp_path: Path) -> None:
    answer = Answer()
    MercurialIgnoring({}, answer).refuse_unignored(tmp_path / "a.key")
    assert find_tracked(tmp_path, ["a"], {}, answer) is None
    assert answer.asked == []


def test_mercurial_is_asked_once_about_all_that_is_expected_without_secrets(tmp_path: Path) -> None:
    (tmp_path / ".hg").mkdir()
    answer = Answer()
    ignoring = MercurialIgnoring({"VAULT_TOKEN": "secret", "PATH": "/bin"}, answer)
    paths = [tmp_path / "out" / f"{number}.key" for number in range(150)]
    ignoring.expect([*paths, tmp_path.parent / "elsewhere.key"])
    for path in paths:
        ignoring.refuse_unignored(path)
    # Of 150 files and 150 drafts, two hundred at a time, whether they are ignored and whether they are tracked.
    assert [argv[2] for argv in answer.asked] == ["debugignore", "files"] * 2
    assert all("VAULT_TOKEN" not in environment for environment in answer.environments)


@pytest.mark.parametrize("status", [None, 255], ids=["hg is missing", "hg refuses to look"])
def test_a_path_is_refused_if_mercurial_cannot_tell(tmp_path: Path, status: int | None) -> None:
    (tmp_path / ".hg").mkdir()
    with pytest.raises(SinkDeniedError, match="could not report") as caught:
        MercurialIgnoring({}, Answer(status)).refuse_unignored(tmp_path / "ci.env")
    assert "install Mercurial" in caught.value.advice


def test_a_ledger_counts_as_tracked_only_if_there_is_a_mercurial(tmp_path: Path) -> None:
    (tmp_path / ".hg").mkdir()
    assert find_tracked(tmp_path, ["a"], {"PATH": str(tmp_path)}, Answer(None)) is None
    (tmp_path / "hg").touch(mode=0o755)
    unknown = UnknownTracking(work_tree=tmp_path, program="hg")
    assert find_tracked(tmp_path, ["a"], {"PATH": str(tmp_path)}, Answer(255)) == unknown
