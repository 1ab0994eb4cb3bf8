import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from keyplan.errors import SinkDeniedError
from keyplan.system.git import GitIgnoring, read_origin, run_for_output, run_quietly

ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent"}
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="asks the real git")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=ENVIRONMENT)


@pytest.fixture
def work_tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / ".gitignore").write_text("secrets/\n*.key\n")
    return folder


class Answer:
    """Stands for git: always the same exit status; counts and keeps what it was asked."""

    def __init__(self, status: int | None) -> None:
        self.status = status
        self.asked: list[tuple[Sequence[str], Path, Mapping[str, str]]] = []

    def __call__(self, argv: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int | None:
        self.asked.append((argv, folder, environment))
        return self.status


def test_outside_of_any_work_tree_git_is_not_asked(tmp_path: Path) -> None:
    answer = Answer(1)
    GitIgnoring({}, answer).refuse_unignored(tmp_path / "a" / "b.key")
    assert answer.asked == []


@needs_git
@pytest.mark.parametrize("path", ["secrets/ci.env", "a.key", "deep/down/b.key"])
def test_an_ignored_path_may_be_written_though_its_folder_is_missing(work_tree: Path, path: str) -> None:
    GitIgnoring(ENVIRONMENT).refuse_unignored(work_tree / path)


@needs_git
def test_a_path_that_git_would_commit_is_refused_with_the_line_to_add(work_tree: Path) -> None:
    with pytest.raises(SinkDeniedError, match=r"deep/ci\.env lies in the git work tree") as caught:
        GitIgnoring(ENVIRONMENT).refuse_unignored(work_tree / "deep" / "ci.env")
    assert "add '/deep/ci.env' or its folder to .gitignore" in caught.value.advice


@needs_git
def test_a_tracked_file_is_refused_though_a_pattern_ignores_it(work_tree: Path) -> None:
    (work_tree / "a.key").write_text("was committed once")
    git(work_tree, "add", "--force", "a.key")
    with pytest.raises(SinkDeniedError) as caught:
        GitIgnoring(ENVIRONMENT).refuse_unignored(work_tree / "a.key")
    assert "git rm --cached 'a.key'" in caught.value.advice


@needs_git
def test_a_link_into_a_work_tree_hides_nothing(work_tree: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(work_tree)
    with pytest.raises(SinkDeniedError):
        GitIgnoring(ENVIRONMENT).refuse_unignored(tmp_path / "elsewhere" / "ci.env")


@pytest.mark.parametrize("status", [None, 128], ids=["git is missing", "git refuses to look"])
def test_a_path_is_refused_if_git_cannot_tell(tmp_path: Path, status: int | None) -> None:
    (tmp_path / ".git").mkdir()
    with pytest.raises(SinkDeniedError, match="could not report"):
        GitIgnoring({}, Answer(status)).refuse_unignored(tmp_path / "ci.env")


def test_a_linked_work_tree_counts_though_its_git_is_a_file(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")
    with pytest.raises(SinkDeniedError):
        GitIgnoring({}, Answer(1)).refuse_unignored(tmp_path / "ci.env")


def test_git_is_asked_once_per_path_from_a_folder_that_exists(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    answer = Answer(0)
    ignoring = GitIgnoring({}, answer)
    for _ in range(2):
        ignoring.refuse_unignored(tmp_path / "missing" / "ci.env")
    assert [folder for _, folder, _ in answer.asked] == [tmp_path.resolve()]


class LongAnswer:
    """Stands for git that is given many paths: says that those of some names are ignored, and keeps what it got."""

    def __init__(self, *ignored: bytes) -> None:
        self.ignored = ignored
        self.given: list[bytes] = []

    def __call__(self, argv: Sequence[str], folder: Path, environment: Mapping[str, str], given: bytes) -> bytes:
        self.given.append(given)
        paths = [path for path in given.split(b"\0") if path.rpartition(b"/")[2] in self.ignored]
        return b"".join(path + b"\0" for path in paths)


def test_git_is_asked_once_about_all_that_is_expected(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    alone, together = Answer(1), LongAnswer(b"a.key", b"b.key")
    ignoring = GitIgnoring({}, alone, together)
    ignoring.expect([tmp_path / "a.key", tmp_path / "b.key"])
    ignoring.refuse_unignored(tmp_path / "a.key")
    ignoring.refuse_unignored(tmp_path / "b.key")
    assert (len(together.given), alone.asked) == (1, [])


def test_git_is_asked_again_about_what_it_did_not_call_ignored(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    ignoring = GitIgnoring({}, Answer(1), LongAnswer())
    ignoring.expect([tmp_path / "a.key"])
    with pytest.raises(SinkDeniedError, match="does not ignore it"):
        ignoring.refuse_unignored(tmp_path / "a.key")


def test_what_is_expected_outside_of_any_work_tree_is_not_asked_about(tmp_path: Path) -> None:
    together = LongAnswer()
    ignoring = GitIgnoring({}, Answer(1), together)
    ignoring.expect([tmp_path / "a.key"])
    ignoring.refuse_unignored(tmp_path / "a.key")
    assert together.given == []


def test_git_is_not_asked_about_expected_paths_before_the_first_write(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    together = LongAnswer()
    GitIgnoring({}, Answer(1), together).expect([tmp_path / "a.key"])
    assert together.given == []


@needs_git
def test_one_question_about_many_gives_the_answers_of_many_questions(work_tree: Path) -> None:
    (work_tree / "tracked.key").write_text("was committed once")
    git(work_tree, "add", "--force", "tracked.key")
    names = ("tracked.key", "plain.env", "odd \u00fc\n.key", "secrets/a.env", "deep/b.key")
    ignoring = GitIgnoring(ENVIRONMENT, Answer(1))
    ignoring.expect(work_tree / name for name in names)
    refused = []
    for name in names:
        try:
            ignoring.refuse_unignored(work_tree / name)
        except SinkDeniedError:
            refused.append(name)
    assert refused == ["tracked.key", "plain.env"]


def test_git_learns_no_secret_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    answer = Answer(0)
    environment = {"PATH": "/bin", "ARIZE_API_KEY": "ak-canary", "GIT_DIR": "/elsewhere"}
    GitIgnoring(environment, answer).refuse_unignored(tmp_path / "ci.env")
    assert answer.asked[0][2] == {"PATH": "/bin", "LC_ALL": "C"}


def test_a_program_that_is_not_there_has_no_status(tmp_path: Path) -> None:
    assert run_quietly(["keyplan-no-such-program"], tmp_path, {}) is None
    assert run_for_output(["keyplan-no-such-program"], tmp_path, {}, b"") == b""


@needs_git
def test_a_repository_says_where_it_comes_from(work_tree: Path) -> None:
    git(work_tree, "remote", "add", "origin", "git@git.example.com:acme/keys.git")
    (work_tree / "envs").mkdir()
    assert read_origin(work_tree / "envs", ENVIRONMENT) == "git@git.example.com:acme/keys.git"


@needs_git
def test_a_repository_without_a_remote_says_nothing(work_tree: Path) -> None:
    assert read_origin(work_tree, ENVIRONMENT) == ""


@needs_git
def test_the_users_own_configuration_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text('[remote "origin"]\n  url = git@git.example.com:acme/keys.git\n')
    assert read_origin(tmp_path, ENVIRONMENT | {"HOME": str(tmp_path)}) == ""


def test_git_gets_no_more_of_the_environment_than_it_needs(tmp_path: Path) -> None:
    asked: list[Mapping[str, str]] = []

    def ask(_argv: Sequence[str], _folder: Path, environment: Mapping[str, str], _given: bytes) -> bytes:
        asked.append(environment)
        return b"https://git.example.com/\xff.git\n"

    found = read_origin(tmp_path, {"PATH": "/bin", "GIT_DIR": "/other", "ARIZE_API_KEY": "x"}, ask=ask)
    assert (found, asked) == ("https://git.example.com/\ufffd.git", [{"PATH": "/bin", "LC_ALL": "C"}])


def test_without_git_nothing_is_known_of_a_repository(tmp_path: Path) -> None:
    assert read_origin(tmp_path, {"PATH": str(tmp_path)}) == ""


# repositories that the environment names


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder that is the work tree of a bare repository beside it, in which git is at work."""
    folder = tmp_path / "home"
    folder.mkdir()
    git(tmp_path, "init", "--quiet", "--bare", "dotfiles")
    (folder / ".gitignore").write_text("*.key\n")
    monkeypatch.chdir(tmp_path)
    return folder


def named(home: Path, *variables: str) -> dict[str, str]:
    values = {"GIT_DIR": str(home.parent / "dotfiles"), "GIT_WORK_TREE": str(home)}
    return ENVIRONMENT | {name: values[name] for name in variables}


@needs_git
def test_the_work_tree_of_a_bare_repository_is_seen_through_the_environment(home: Path) -> None:
    ignoring = GitIgnoring(named(home, "GIT_DIR", "GIT_WORK_TREE"))
    ignoring.expect([home / "a.key", home / "b.env", home.parent / "elsewhere.env"])
    ignoring.refuse_unignored(home / "a.key")
    ignoring.refuse_unignored(home.parent / "elsewhere.env")
    with pytest.raises(SinkDeniedError, match=r"b\.env lies in the git work tree .*home, and git does not ignore it"):
        ignoring.refuse_unignored(home / "b.env")


@needs_git
def test_the_work_tree_of_a_bare_repository_is_seen_through_its_configuration(home: Path) -> None:
    git(home.parent / "dotfiles", "config", "core.bare", "false")
    git(home.parent / "dotfiles", "config", "core.worktree", str(home))
    ignoring = GitIgnoring(named(home, "GIT_DIR"))
    ignoring.refuse_unignored(home / "a.key")
    with pytest.raises(SinkDeniedError, match="git does not ignore it"):
        ignoring.refuse_unignored(home / "b.env")


@needs_git
def test_both_repositories_around_a_path_are_asked(home: Path) -> None:
    git(home, "init", "--quiet")
    (home / ".git/info/exclude").write_text("*.env\n")
    ignoring = GitIgnoring(named(home, "GIT_DIR", "GIT_WORK_TREE"))
    ignoring.expect([home / "a.key", home / "b.env"])
    ignoring.refuse_unignored(home / "a.key")
    with pytest.raises(SinkDeniedError, match="git does not ignore it"):
        ignoring.refuse_unignored(home / "b.env")
    GitIgnoring(ENVIRONMENT).refuse_unignored(home / "b.env")


@needs_git
def test_a_bare_repository_without_a_work_tree_commits_nothing(home: Path) -> None:
    GitIgnoring(named(home, "GIT_DIR")).refuse_unignored(home / "b.env")


@needs_git
def test_a_work_tree_whose_repository_cannot_be_found_takes_no_raw_key(home: Path) -> None:
    environment = named(home, "GIT_WORK_TREE") | {"GIT_DIR": "nowhere"}
    with pytest.raises(SinkDeniedError, match="git could not report"):
        GitIgnoring(environment).refuse_unignored(home / "a.key")


def test_without_git_the_folder_of_the_run_is_the_work_tree_of_a_named_repository(home: Path) -> None:
    environment = {"PATH": str(home), "GIT_DIR": "dotfiles"}
    with pytest.raises(SinkDeniedError, match="git could not report"):
        GitIgnoring(environment).refuse_unignored(home / "a.key")


@needs_git
@pytest.mark.parametrize("line", ["!*.key", "!/secrets/a.key"])
def test_an_exception_to_a_rule_counts(work_tree: Path, line: str) -> None:
    (work_tree / ".gitignore").write_text(f"*.key\n{line}\n")
    with pytest.raises(SinkDeniedError):
        GitIgnoring(ENVIRONMENT).refuse_unignored(work_tree / "secrets/a.key")


@needs_git
def test_rules_of_the_repository_and_of_the_user_count(work_tree: Path, tmp_path: Path) -> None:
    (work_tree / ".git/info/exclude").write_text("*.one\n")
    (tmp_path / "git").mkdir()
    (tmp_path / "git/ignore").write_text("*.two\n")
    ignoring = GitIgnoring({**ENVIRONMENT, "XDG_CONFIG_HOME": str(tmp_path)})
    for name in ("a.one", "a.two"):
        ignoring.refuse_unignored(work_tree / name)
    with pytest.raises(SinkDeniedError):
        GitIgnoring(ENVIRONMENT).refuse_unignored(work_tree / "a.two")


@needs_git
@pytest.mark.parametrize("kind", ["linked work tree", "submodule", "nested repository"])
def test_the_innermost_work_tree_decides(work_tree: Path, tmp_path: Path, kind: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    git(work_tree, *identity, "commit", "--quiet", "--allow-empty", "--message", "first")
    inner = work_tree / "secrets/inner"
    if kind == "linked work tree":
        git(work_tree, "worktree", "add", "--quiet", str(inner))
    elif kind == "submodule":
        git(tmp_path, "clone", "--quiet", str(work_tree), "other")
        arguments = ("submodule", "add", "--force", "--quiet", str(tmp_path / "other"), "secrets/inner")
        git(work_tree, "-c", "protocol.file.allow=always", *arguments)
    else:
        inner.mkdir(parents=True)
        git(inner, "init", "--quiet")
    (inner / ".gitignore").write_text("*.key\n")
    ignoring = GitIgnoring(ENVIRONMENT)
    ignoring.refuse_unignored(inner / "a.key")
    with pytest.raises(SinkDeniedError):
        ignoring.refuse_unignored(inner / "a.env")


@needs_git
def test_case_counts_as_the_repository_says(work_tree: Path) -> None:
    with pytest.raises(SinkDeniedError):
        GitIgnoring(ENVIRONMENT).refuse_unignored(work_tree / "A.KEY")
    git(work_tree, "config", "core.ignorecase", "true")
    GitIgnoring(ENVIRONMENT).refuse_unignored(work_tree / "A.KEY")
