"""Refuses paths that a version control system would commit: git and Mercurial are asked, others cannot be.

No path in a work tree counts as ignored unless its own program says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from keyplan.errors import SinkDeniedError
from keyplan.system.git import AnyPath, GitIgnoring, find_around
from keyplan.system.mercurial import MercurialIgnoring

_NOT_ASKED = {
    ".jj": "Jujutsu",
    ".sl": "Sapling",
    ".svn": "Subversion",
    ".bzr": "Bazaar",
    "_darcs": "Darcs",
    ".pijul": "Pijul",
    ".fslckout": "Fossil",
}
"""What lies at the top of a work tree of each program whose answers keyplan does not read."""
_ASKED = ".git"
"""A work tree of Jujutsu that is one of git as well ignores what git ignores (jj-vcs.dev, "Colocated workspaces")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Surroundings:
    """What is around a folder."""

    unasked: tuple[Path, str] | None
    """A work tree that cannot be asked, and its program."""
    is_mercurial: bool


class WorkTreeIgnoring:
    """Knows which paths are ignored by every version control system around them. Safe for threads."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._git = GitIgnoring(environment)
        self._mercurial = MercurialIgnoring(environment)
        self._folders: dict[str, _Surroundings] = {}

    def expect(self, paths: Iterable[AnyPath]) -> None:
        """Announce absolute paths that may be checked soon, so that each program is asked about all of them at once."""
        announced = tuple(paths)
        self._git.expect(announced)
        self._mercurial.expect(announced)

    def refuse_unignored(self, path: AnyPath) -> None:
        """Return if no version control system would commit the file with this absolute path.

        Raises:
            SinkDeniedError: One of them would, could not answer, or cannot be asked.
        """
        self._git.refuse_unignored(path)
        file = os.fspath(path)
        folder, _, _ = file.rpartition("/")
        around = self._folders.get(folder)
        if around is None:
            around = self._folders[folder] = _look_around(Path(f"{folder}/").resolve())
        if around.unasked is not None:
            work_tree, program = around.unasked
            raise SinkDeniedError(
                f"{file} lies in the {program} work tree {work_tree}, and keyplan cannot ask {program} what it ignores",
                advice="choose a path outside of it"
                + ("; or make it a work tree of git, too: jj git colocation enable" if program == "Jujutsu" else ""),
            )
        if around.is_mercurial:
            self._mercurial.refuse_unignored(Path(file))


def _look_around(real: Path) -> _Surroundings:
    return _Surroundings(unasked=_find_unasked(real), is_mercurial=find_around(real, ".hg") is not None)


def _find_unasked(real: Path) -> tuple[Path, str] | None:
    """Return the innermost work tree around a folder whose program cannot be asked, and that program."""
    for outer in (real, *real.parents):
        for marker, program in _NOT_ASKED.items():
            if os.path.lexists(outer / marker) and not (marker == ".jj" and os.path.lexists(outer / _ASKED)):
                return outer, program
    return None
