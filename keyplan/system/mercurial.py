"""Asks Mercurial what it ignores and what it tracks.

It gets no secret, and runs no program that a configuration names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock

from keyplan.errors import SinkDeniedError
from keyplan.system.files import name_lock
from keyplan.system.git import AnyPath, Run, TrackedFile, UnknownTracking, bare_environment, find_around, run

_HG = ("hg", "--noninteractive")
_IGNORED = (*_HG, "debugignore", "--")
"""It answers for files that do not exist, too, one line for each: `NAME is ignored`, or another one."""
_LIST = (*_HG, "files", "-0", "--")
_NONE_TRACKED = 1
"""Exit status of `hg files` if no file fits."""
_VARIABLES = {"HGPLAIN": "1", "HGRCPATH": "", "HGRCSKIPREPO": "1", "HGENCODING": "utf-8"}
"""No configuration is read, because it may name programs to run; `hg help environment`. So ignore files count that
`ui.ignore` names in none of them."""
_PATHS_PER_CALL = 200


class MercurialIgnoring:
    """Knows which paths Mercurial ignores; asks it once for all expected paths. Safe for threads."""

    def __init__(self, environment: Mapping[str, str], run: Run = run) -> None:
        self._environment = environment
        self._run = run
        self._lock = Lock()
        self._expected: Iterable[AnyPath] = ()
        self._known: dict[Path, bool] = {}
        """Whether each path is ignored that Mercurial was asked about."""

    def expect(self, paths: Iterable[AnyPath]) -> None:
        """Announce paths that may be checked soon."""
        self._expected = paths

    def refuse_unignored(self, path: Path) -> None:
        """Return if Mercurial ignores a file and what is written before it has its name, or no work tree is around it.

        Raises:
            SinkDeniedError: Mercurial would commit one of them, or could not answer.
        """
        real = path.parent.resolve()
        work_tree = find_around(real, ".hg")
        if work_tree is None:
            return
        target = (real / path.name).relative_to(work_tree)
        with self._lock:
            self._learn(work_tree, [target])
        for asked, holds in ((target, ""), (_draft_of(target), ", which holds a raw key until it is written whole,")):
            if not self._known[work_tree / asked]:
                raise SinkDeniedError(
                    f"{asked}{holds} lies in the Mercurial work tree {work_tree}, and Mercurial does not ignore it",
                    advice=f"add its folder to .hgignore; if '{target}' is tracked, also: hg forget '{target}'",
                )

    def _learn(self, work_tree: Path, targets: Sequence[Path]) -> None:
        """Learn of these targets, and of all in the same work tree that are expected."""
        expected, self._expected = self._expected, ()
        for path in map(Path, expected):
            real = path.parent.resolve()
            if find_around(real, ".hg") == work_tree:
                targets = [*targets, (real / path.name).relative_to(work_tree)]
        both = [asked for target in targets for asked in (target, _draft_of(target))]
        unknown = sorted({asked for asked in both if work_tree / asked not in self._known})
        for start in range(0, len(unknown), _PATHS_PER_CALL):
            self._ask(work_tree, unknown[start : start + _PATHS_PER_CALL])

    def _ask(self, work_tree: Path, targets: Sequence[Path]) -> None:
        """Learn of some targets. Raises SinkDeniedError if Mercurial could not answer."""
        environment = bare_environment(self._environment) | _VARIABLES
        names = [str(target) for target in targets]
        ended = self._run((*_IGNORED, *names), work_tree, environment, b"")
        tracked = _list_tracked(work_tree, names, environment, self._run)
        if ended is None or ended.returncode or tracked is None:
            raise SinkDeniedError(
                f"{names[0]} lies in the Mercurial work tree {work_tree}, and Mercurial could not report whether it "
                "ignores it",
                advice="install Mercurial and check what 'hg debugignore FILE' says, or choose a path outside",
            )
        said = frozenset(os.fsdecode(ended.stdout).splitlines())
        for target, name in zip(targets, names, strict=True):
            is_ignored = any(line == f"{name} is ignored" or line.startswith(f"{name} is ignored ") for line in said)
            self._known[work_tree / target] = is_ignored and name not in tracked


def find_tracked(
    folder: Path, names: Sequence[str], environment: Mapping[str, str], run: Run = run
) -> TrackedFile | UnknownTracking | None:
    """Return one of the named files in a folder that Mercurial tracks; None if it tracks none of them.

    Outside of any work tree it is not run. Without that program no file counts as tracked.
    """
    real = folder.resolve()
    work_tree = find_around(real, ".hg")
    if work_tree is None:
        return None
    below = real.relative_to(work_tree)
    passed = bare_environment(environment) | _VARIABLES
    tracked = _list_tracked(work_tree, [str(below / name) for name in names], passed, run)
    if tracked is None:
        is_there = shutil.which("hg", path=passed.get("PATH", os.defpath)) is not None
        return UnknownTracking(work_tree=work_tree, program="hg") if is_there else None
    return TrackedFile(work_tree=work_tree, name=min(tracked), program="hg") if tracked else None


def _list_tracked(
    work_tree: Path, names: Sequence[str], environment: Mapping[str, str], run: Run
) -> frozenset[str] | None:
    """Return which of these files Mercurial tracks; None if it could not answer."""
    ended = run((*_LIST, *(f"path:{name}" for name in names)), work_tree, environment, b"")
    if ended is None or ended.returncode not in (0, _NONE_TRACKED):
        return None
    return frozenset(filter(None, os.fsdecode(ended.stdout).split("\0")))


def _draft_of(target: Path) -> Path:
    """Return where the content of a file is before it has its name."""
    return target.with_name(name_lock(target.name)) / "0"
