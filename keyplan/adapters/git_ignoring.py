"""Whether git would commit a file: a secret inside a work tree must be ignored.

In: a path. Out: nothing, or SinkDeniedError with what to do. Never: a shell, or a secret in argv or environment.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from keyplan.errors import SinkDeniedError

_IGNORED, _NOT_IGNORED = 0, 1
"""Exit statuses of git-check-ignore(1)."""
_PATIENCE = timedelta(seconds=20)
_PASSED_ON = ("PATH", "HOME", "XDG_CONFIG_HOME", "SYSTEMROOT")
"""What git needs to find itself and the user's own ignore file; no GIT_DIR that points elsewhere, no secret."""

Ask = Callable[[Sequence[str], Path, Mapping[str, str]], "int | None"]
"""Runs argv in a folder with an environment; the exit status, or None where there is no such program."""


def run_quietly(argv: Sequence[str], folder: Path, environment: Mapping[str, str]) -> int | None:
    """Run a program without shell, input or output; return its exit status, None where it can't be run in time."""
    try:
        return subprocess.run(  # noqa: S603 - a fixed program, and a path that is no option
            argv,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE.total_seconds(),
            check=False,
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        return None


class GitIgnoring:
    """Knows which paths git ignores; asks git once per path."""

    def __init__(self, environment: Mapping[str, str], ask: Ask = run_quietly) -> None:
        self._environment = {name: environment[name] for name in _PASSED_ON if name in environment} | {"LC_ALL": "C"}
        self._ask = ask
        self._known_ignored: set[Path] = set()
        self._folders: dict[Path, tuple[Path, Path | None]] = {}
        """Where each folder really is, and the work tree around it: the same for all files in it."""

    def refuse_unignored(self, path: Path) -> None:
        """Return where git would not commit the file. Raises SinkDeniedError where it would, or nobody knows."""
        if path in self._known_ignored:
            return
        if path.parent not in self._folders:
            self._folders[path.parent] = _find_work_tree(path.parent)
        folder, work_tree = self._folders[path.parent]
        if work_tree is not None:
            self._refuse_in(work_tree, folder / path.name)
        self._known_ignored.add(path)

    def _refuse_in(self, work_tree: Path, target: Path) -> None:
        # A repository's own configuration may name programs to run; fsmonitor is the one that reading the index calls.
        argv = ("git", "-c", "core.fsmonitor=false", "check-ignore", "--quiet", "--", str(target))
        folder = next(folder for folder in target.parents if folder.is_dir())
        status = self._ask(argv, folder, self._environment)
        shown = target.relative_to(work_tree)
        if status == _NOT_IGNORED:
            raise SinkDeniedError(
                f"{shown} lies in the git work tree {work_tree}, and git does not ignore it",
                advice=f"add '/{shown}' or its folder to .gitignore; if it is tracked, also: git rm --cached '{shown}'",
            )
        if status != _IGNORED:
            raise SinkDeniedError(
                f"{shown} lies in the git work tree {work_tree}, and git could not tell whether it ignores it",
                advice=f"install git and see what 'git check-ignore {shown}' says, or choose a path outside",
            )


def _find_work_tree(folder: Path) -> tuple[Path, Path | None]:
    """Return where a folder really is, and the git work tree around it, if any."""
    real = folder.resolve()
    return real, next((outer for outer in (real, *real.parents) if _is_work_tree(outer)), None)


def _is_work_tree(folder: Path) -> bool:
    # `.git` is a file in a linked work tree or submodule.
    return os.path.lexists(folder / ".git")
