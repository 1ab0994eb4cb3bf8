"""Refuses paths that a version control system would commit: git and Mercurial are asked, others cannot be.

No path in a work tree counts as ignored unless its own program says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from keyplan.errors import SinkDeniedError
from keyplan.system.git import GitIgnoring, find_around
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


class WorkTreeIgnoring:
    """Knows which paths are ignored by every version control system around them. Safe for threads."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._git = GitIgnoring(environment)
        self._mercurial = MercurialIgnoring(environment)
        self._folders: dict[Path, tuple[tuple[Path, str] | None, bool]] = {}
        """What is around each folder: a work tree that cannot be asked, and whether there is one of Mercurial."""

    def expect(self, paths: Iterable[Path]) -> None:
        """Announce paths that may be checked soon, so that each program is asked about all of them at once."""
        announced = tuple(paths)
        self._git.expect(announced)
        self._mercurial.expect(announced)

    def refuse_unignored(self, path: Path) -> None:
        """Return if no version control system would commit the file.

        Raises:
            SinkDeniedError: One of them would, could not answer, or cannot be asked.
        """
        self._git.refuse_unignored(path)
        if path.parent not in self._folders:
            real = path.parent.resolve()
            self._folders[path.parent] = _find_unasked(real), find_around(real, ".hg") is not None
        unasked, is_mercurial = self._folders[path.parent]
        if unasked is not None:
            work_tree, program = unasked
            raise SinkDeniedError(
                f"{path} lies in the {program} work tree {work_tree}, and keyplan cannot ask {program} what it ignores",
                advice="choose a path outside of it"
                + ("; or make it a work tree of git, too: jj git colocation enable" if program == "Jujutsu" else ""),
            )
        if is_mercurial:
            self._mercurial.refuse_unignored(path)


def _find_unasked(real: Path) -> tuple[Path, str] | None:
    """Return the innermost work tree around a folder whose program cannot be asked, and that program."""
    for outer in (real, *real.parents):
        for marker, program in _NOT_ASKED.items():
            if os.path.lexists(outer / marker) and not (marker == ".jj" and os.path.lexists(outer / _ASKED)):
                return outer, program
    return None
