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

from keyplan.errors import SinkDeniedError

_IGNORED, _NOT_IGNORED = 0, 1
"""Exit statuses of git-check-ignore(1)."""
_TIME_LIMIT = timedelta(seconds=20)
_PASSED_VARIABLES = ("PATH", "HOME", "XDG_CONFIG_HOME", "SYSTEMROOT")
"""What git needs to find itself and the user's ignore file; GIT_DIR could name another repository and is left out."""

_GIT = ("git", "-c", "core.fsmonitor=false")
"""A repository's configuration may name programs that git runs; fsmonitor is the one that these commands would call."""
_CHECK = (*_GIT, "check-ignore")
_LIST = (*_GIT, "ls-files", "-z", "--")

_ORIGIN = ("git", "config", "--local", "--get", "remote.origin.url")
"""Of the repository alone: a remote in the user's own configuration says nothing about a folder."""

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
        return subprocess.run(  # noqa: S603 - a fixed program, and a path that is no option
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
    printed = ask(_ORIGIN, folder, _pass_on(environment), b"")
    return printed.decode(errors="replace").strip()


class GitIgnoring:
    """Knows which paths git ignores; runs git once for all expected paths, else once per path. Safe for threads."""

    def __init__(
        self, environment: Mapping[str, str], ask: Ask = run_quietly, ask_many: AskMany = run_for_output
    ) -> None:
        self._environment = _pass_on(environment)
        self._ask = ask
        self._ask_many = ask_many
        self._lock = Lock()
        self._expected: Iterable[Path] = ()
        self._known_ignored: set[Path] = set()
        self._folders: dict[Path, tuple[Path, Path | None]] = {}
        """The real path of each folder and the work tree around it, which is the same for all files in the folder."""

    def expect(self, paths: Iterable[Path]) -> None:
        """Announce paths that may be checked soon; the first check then asks git about all of them.

        git takes 7 ms for 1,000 paths in one call, and 5 s for a call about each.
        """
        self._expected = paths

    def refuse_unignored(self, path: Path, *, holds: str = "") -> None:
        """Return if git ignores the file, or no work tree is around it; `holds`: what else it is but the named file.

        Raises:
            SinkDeniedError: git would commit the file, or could not tell.
        """
        with self._lock:
            self._learn_expected()
        if path in self._known_ignored:
            return
        work_tree, target = self._locate(path)
        if work_tree is not None:
            self._refuse_in(work_tree, target, holds)
        self._known_ignored.add(path)

    def _learn_expected(self) -> None:
        """Record which expected paths git ignores; each of the others is checked alone when it is written."""
        paths, self._expected = self._expected, ()
        by_tree: defaultdict[Path, dict[bytes, Path]] = defaultdict(dict)
        for path in paths:
            work_tree, target = self._locate(path)
            if work_tree is not None:
                by_tree[work_tree][os.fsencode(target)] = path
        for work_tree, targets in by_tree.items():
            # Separated by null characters, since a path may hold a newline.
            given = b"".join(target + b"\0" for target in targets)
            ignored = self._ask_many((*_CHECK, "-z", "--stdin"), work_tree, self._environment, given)
            self._known_ignored.update(targets[target] for target in ignored.split(b"\0") if target in targets)

    def _locate(self, path: Path) -> tuple[Path | None, Path]:
        """Return the work tree around a path, if any, and the real path."""
        if path.parent not in self._folders:
            self._folders[path.parent] = _find_work_tree(path.parent)
        folder, work_tree = self._folders[path.parent]
        return work_tree, folder / path.name

    def _refuse_in(self, work_tree: Path, target: Path, holds: str) -> None:
        argv = (*_CHECK, "--quiet", "--", str(target))
        # The folder of the file may not exist yet, and git has to start in one that does.
        folder = next(folder for folder in target.parents if folder.is_dir())
        status = self._ask(argv, folder, self._environment)
        shown = target.relative_to(work_tree)
        named = f"{shown}, which holds {holds}," if holds else f"{shown}"
        if status == _NOT_IGNORED:
            raise SinkDeniedError(
                f"{named} lies in the git work tree {work_tree}, and git does not ignore it",
                advice=f"add '/{shown}' or its folder to .gitignore; if it is tracked, also: git rm --cached '{shown}'",
            )
        if status != _IGNORED:
            raise SinkDeniedError(
                f"{named} lies in the git work tree {work_tree}, and git could not tell whether it ignores it",
                advice=f"install git and check what 'git check-ignore {shown}' says, or choose a path outside",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedFile:
    """A file in the index of a git work tree."""

    work_tree: Path
    name: str
    """Its path below the work tree, as git spells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownTracking:
    """git failed, so nothing says whether it tracks a file."""

    work_tree: Path


def find_tracked(
    folder: Path, names: Sequence[str], environment: Mapping[str, str], run: Run = run
) -> TrackedFile | UnknownTracking | None:
    """Return one of the named files in a folder that git tracks; None if it tracks none of them.

    Outside of any work tree git is not run; elsewhere it is run once. Without a git program no file counts as tracked.
    """
    real, work_tree = _find_work_tree(folder)
    if work_tree is None:
        return None
    below = real.relative_to(work_tree)
    # Without regard to case: on a file system that does not tell `.Keyplan` from `.keyplan`, both are one folder.
    paths = [f":(icase,literal){below / name}" for name in names]
    passed = _pass_on(environment)
    # Run at the top: from a volume mounted inside the work tree git would not find its way up (git(1), discovery).
    ended = run((*_LIST, *paths), work_tree, passed, b"")
    if ended is None and shutil.which("git", path=passed.get("PATH", os.defpath)) is None:
        return None
    if ended is None or ended.returncode:
        return UnknownTracking(work_tree=work_tree)
    tracked = os.fsdecode(ended.stdout.partition(b"\0")[0])
    return TrackedFile(work_tree=work_tree, name=tracked) if tracked else None


def _pass_on(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that git gets: no secret, and no variable that names another repository."""
    return {name: environment[name] for name in _PASSED_VARIABLES if name in environment} | {"LC_ALL": "C"}


def _find_work_tree(folder: Path) -> tuple[Path, Path | None]:
    """Return the real path of a folder, and the git work tree around it, if any."""
    # Resolved first: a link may lead into a work tree whose path does not show it.
    real = folder.resolve()
    return real, next((outer for outer in (real, *real.parents) if _is_work_tree(outer)), None)


def _is_work_tree(folder: Path) -> bool:
    # `.git` is a file in a linked work tree or submodule.
    return os.path.lexists(folder / ".git")
