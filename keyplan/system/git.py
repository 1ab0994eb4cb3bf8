"""Asks git what it ignores, what it tracks and where a repository comes from. git gets no shell and no secret."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import TypeAlias

from keyplan.errors import SinkDeniedError

AnyPath: TypeAlias = str | os.PathLike[str]
_IGNORED, _NOT_IGNORED = 0, 1
"""Exit statuses of git-check-ignore(1)."""
_TIME_LIMIT = timedelta(seconds=20)
_PASSED_VARIABLES = ("PATH", "HOME", "XDG_CONFIG_HOME", "SYSTEMROOT")
"""What git needs to find itself and the user's ignore file; no variable that could name another repository."""
_NAMES_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE")
"""Passed on for the repository alone that they name: a user who has them set commits there."""

_GIT = ("git", "-c", "core.fsmonitor=false")
"""A repository's configuration may name programs that git runs; fsmonitor is the one that these commands would call."""
_CHECK = (*_GIT, "check-ignore")
_LIST = (*_GIT, "ls-files", "-z", "--")
_TOP = (*_GIT, "rev-parse", "--show-toplevel")

_ORIGIN = ("git", "config", "--local", "--get", "remote.origin.url")
"""Of the repository alone: a remote in the user's own configuration says nothing about a folder."""

_USER = ("git", "config", "-z", "--get-regexp", r"^user\.(name|email)$")

Ask = Callable[[Sequence[str], Path, Mapping[str, str]], "int | None"]
"""Runs argv in a folder with an environment; returns the exit status, or None if the program cannot be run."""
AskMany = Callable[[Sequence[str], Path, Mapping[str, str], bytes], bytes]
"""As `Ask`, with standard input; returns what the program printed, nothing if it cannot be run."""
Run = Callable[[Sequence[str], Path, Mapping[str, str], bytes], "subprocess.CompletedProcess[bytes] | None"]
"""As `AskMany`; returns how the program ended and what it printed, or None if it cannot be run in time."""


def run_quietly(argv: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int | None:
    """Run a program without shell or input; return its exit status, None if it cannot be run in time."""
    ended = run(argv, folder, environment, b"")
    return ended.returncode if ended else None


def run_for_output(argv: Sequence[str], folder: Path, environment: Mapping[str, str], given: bytes) -> bytes:
    """Run a program without shell and return what it printed; nothing if it cannot be run in time."""
    ended = run(argv, folder, environment, given)
    return ended.stdout if ended else b""


def run(
    argv: Sequence[str], folder: Path, environment: Mapping[str, str], given: bytes
) -> subprocess.CompletedProcess[bytes] | None:
    """Run a program without shell; return how it ended, None if it cannot be run in time."""
    try:
        return subprocess.run(  # noqa: S603 - a fixed program, and a path that is not an option
            argv,
            cwd=folder,
            env=environment,
            input=given,
            stdout=subprocess.PIPE,
            # git's words are not shown or read: they differ between versions, and the exit status says it all.
            stderr=subprocess.DEVNULL,
            timeout=_TIME_LIMIT.total_seconds(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def read_origin(folder: Path, environment: Mapping[str, str], *, ask: AskMany = run_for_output) -> str:
    """Return the URL of the remote `origin` of the repository around a folder; nothing if there is none.

    It is untrusted text, and may hold a password.
    """
    printed = ask(_ORIGIN, folder, bare_environment(environment), b"")
    return printed.decode(errors="replace").strip()


def read_user(folder: Path, environment: Mapping[str, str], *, ask: AskMany = run_for_output) -> tuple[str, str]:
    """Return name and e-mail address that commits in a folder would get by git's configuration; empty if not set.

    It is untrusted text.
    """
    printed = ask(_USER, folder, bare_environment(environment), b"").decode(errors="replace")
    # `user.name`, a newline, the value, and a null character; the last of several counts (git-config(1)).
    found = dict(entry.partition("\n")[::2] for entry in printed.split("\0"))
    return found.get("user.name", ""), found.get("user.email", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A git work tree, and how git finds its repository."""

    work_tree: Path
    variables: tuple[tuple[str, str], ...] = ()
    """What of the environment names the repository; nothing if it lies in the work tree."""


class GitIgnoring:
    """Knows which paths git ignores; runs git once for all expected paths, else once per path. Safe for threads."""

    def __init__(
        self, environment: Mapping[str, str], ask: Ask = run_quietly, ask_many: AskMany = run_for_output
    ) -> None:
        self._environment = bare_environment(environment)
        self._ask = ask
        self._ask_many = ask_many
        self._lock = Lock()
        self._expected: Iterable[AnyPath] = ()
        self._known_ignored: set[str] = set()
        self._given = environment
        self._named: Repository | None = None
        self._is_unasked = True
        # By text: of 10,000 files, paths as objects take ten times as long.
        self._folders: dict[str, tuple[str, tuple[Repository, ...]]] = {}
        """The real path of each folder and the repositories around it, the same for all files in the folder."""

    def expect(self, paths: Iterable[AnyPath]) -> None:
        """Announce paths that may be checked soon; the first check then asks git about all of them.

        git takes 7 ms for 1,000 paths in one call, and 5 s for a call about each.
        """
        self._expected = paths

    def refuse_unignored(self, path: AnyPath) -> None:
        """Return if git ignores the file, or no work tree is around it.

        Raises:
            SinkDeniedError: git would commit the file, or could not answer.
        """
        with self._lock:
            self._learn_expected()
            file = os.fspath(path)
            if file in self._known_ignored:
                return
            repositories, target = self._locate(file)
        for repository in repositories:
            self._refuse_in(repository, Path(target))
        self._known_ignored.add(file)

    def _learn_expected(self) -> None:
        """Record which expected paths git ignores; each of the others is checked alone when it is written."""
        paths, self._expected = self._expected, ()
        asked: defaultdict[Repository, dict[bytes, str]] = defaultdict(dict)
        for path in [os.fspath(one) for one in paths]:
            repositories, target = self._locate(path)
            for repository in repositories:
                asked[repository][os.fsencode(target)] = path
        shown: set[str] = set()
        for repository, targets in asked.items():
            # Separated by null characters, since a path may hold a newline.
            given = b"".join(target + b"\0" for target in targets)
            environment = self._environment | dict(repository.variables)
            printed = self._ask_many((*_CHECK, "-z", "--stdin"), repository.work_tree, environment, given)
            ignored = frozenset(printed.split(b"\0"))
            shown.update(path for target, path in targets.items() if target not in ignored)
        self._known_ignored.update({path for targets in asked.values() for path in targets.values()} - shown)

    def _locate(self, path: str) -> tuple[tuple[Repository, ...], str]:
        """Return the repositories with a work tree around a path, and the real path."""
        outer, _, name = path.rpartition("/")
        if outer not in self._folders:
            real = Path(f"{outer}/").resolve()
            self._folders[outer] = os.path.join(real, ""), _find_repositories(real, self._find_named())  # noqa: PTH118 - a slash at its end
        folder, repositories = self._folders[outer]
        return repositories, folder + name

    def _find_named(self) -> Repository | None:
        if self._is_unasked:
            self._is_unasked, self._named = False, _find_named(self._given, self._ask_many)
        return self._named

    def _refuse_in(self, repository: Repository, target: Path) -> None:
        argv = (*_CHECK, "--quiet", "--", str(target))
        # At the top: the folder of the file may not exist yet, and git has to start in one that does.
        status = self._ask(argv, repository.work_tree, self._environment | dict(repository.variables))
        shown = target.relative_to(repository.work_tree)
        if status == _NOT_IGNORED:
            raise SinkDeniedError(
                f"{shown} lies in the git work tree {repository.work_tree}, and git does not ignore it",
                advice=f"add '/{shown}' or its folder to .gitignore; if it is tracked, also: git rm --cached '{shown}'",
            )
        if status != _IGNORED:
            raise SinkDeniedError(
                f"{shown} lies in the git work tree {repository.work_tree}, and git could not report whether "
                "it ignores it",
                advice=f"install git and check what 'git check-ignore {shown}' says, or choose a path outside",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedFile:
    """A file that will be in a commit."""

    work_tree: Path
    name: str
    """Its path below the work tree, as the program spells it."""
    program: str = "git"
    """What tracks it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownTracking:
    """A program failed, so nothing says whether it tracks a file."""

    work_tree: Path
    program: str = "git"


def find_tracked(
    folder: Path, names: Sequence[str], environment: Mapping[str, str], run: Run = run
) -> TrackedFile | UnknownTracking | None:
    """Return one of the named files in a folder that git tracks; None if it tracks none of them.

    Outside of any work tree git is not run; elsewhere it is run once. Without a git program no file counts as tracked.
    """
    real = folder.resolve()

    def ask(argv: Sequence[str], start: Path, given: Mapping[str, str], written: bytes) -> bytes:
        ended = run(argv, start, given, written)
        return ended.stdout if ended and not ended.returncode else b""

    found = (
        _find_tracked_in(repository, real, names, environment, run)
        for repository in _find_repositories(real, _find_named(environment, ask))
    )
    return next((one for one in found if one is not None), None)


def _find_tracked_in(
    repository: Repository, real: Path, names: Sequence[str], environment: Mapping[str, str], run: Run
) -> TrackedFile | UnknownTracking | None:
    work_tree = repository.work_tree
    below = real.relative_to(work_tree)
    # Without regard to case: on a file system that does not distinguish them, `.Keyplan` and `.keyplan` are one folder.
    paths = [f":(icase,literal){below / name}" for name in names]
    passed = bare_environment(environment) | dict(repository.variables)
    # Run at the top: from a volume mounted inside the work tree git would not find its way up (git(1), discovery).
    ended = run((*_LIST, *paths), work_tree, passed, b"")
    if ended is None and shutil.which("git", path=passed.get("PATH", os.defpath)) is None:
        return None
    if ended is None or ended.returncode:
        return UnknownTracking(work_tree=work_tree)
    tracked = os.fsdecode(ended.stdout.partition(b"\0")[0])
    return TrackedFile(work_tree=work_tree, name=tracked) if tracked else None


def bare_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that git and its like get: no secret, and no variable that names another repository."""
    return {name: environment[name] for name in _PASSED_VARIABLES if name in environment} | {"LC_ALL": "C"}


def find_around(real: Path, marker: str) -> Path | None:
    """Return the innermost folder around a real folder, or that folder, in which something of that name is."""
    return next((outer for outer in (real, *real.parents) if os.path.lexists(outer / marker)), None)


def _find_repositories(real: Path, named: Repository | None) -> tuple[Repository, ...]:
    """Return the repositories with a work tree around a real folder: the one that lies there, and the named one."""
    # A link may lead into a work tree whose path does not show it, so the folder is real. `.git` is a file in a linked
    # work tree or submodule.
    work_tree = find_around(real, ".git")
    found = [Repository(work_tree=work_tree)] if work_tree else []
    if named and (named.work_tree == real or named.work_tree in real.parents):
        found.append(named)
    return tuple(found)


def _find_named(environment: Mapping[str, str], ask: AskMany) -> Repository | None:
    """Return the repository that the environment names, as for a bare one whose work tree is a home folder."""
    given = {name: environment[name] for name in _NAMES_REPOSITORY if environment.get(name)}
    if not given:
        return None
    here = Path.cwd()
    # Absolute, because git starts at the top of the work tree later.
    variables = {name: str(here / value) for name, value in given.items()}
    passed = bare_environment(environment) | variables
    printed = ask(_TOP, here, passed, b"").removesuffix(b"\n")
    if not printed and "GIT_WORK_TREE" not in variables:
        if shutil.which("git", path=passed.get("PATH", os.defpath)):
            return None  # a bare repository without a work tree, or none at all
        printed = os.fsencode(here)
    work_tree = Path(os.fsdecode(printed) or variables["GIT_WORK_TREE"]).resolve()
    return Repository(work_tree=work_tree, variables=tuple(sorted(variables.items())))
