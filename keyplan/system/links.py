"""Whether a path stays within folders, whatever the links on its way point to.

Nothing outside these folders is looked at, not even to find out what it is: a manifest that was never reviewed chose
the path.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

_MOST_LINKS = 40
"""As many as Linux follows (path_resolution(7)); more are a circle."""
_Way: TypeAlias = tuple[str, ...]
"""The names from the root of the disk to a file or folder."""


class LinkResolver:
    """Follows the links on the ways of one manifest. Each folder is resolved once, so it must not be kept for long."""

    def __init__(self, start: str) -> None:
        """Take the manifest's folder: what lies below it, or beside it, may be the work of a stranger."""
        self.start = start
        self._roots: dict[str, _Root] = {}

    def stays_within(self, way: _Way, folders: Sequence[str]) -> bool:
        """Whether a path, given by its names from the root on, is one of the folders or leads into one of them.

        A folder that a stranger may have made must not be a link itself. What does not exist yet has no links. What
        cannot be examined does not stay within.
        """
        return _Walk([self._find_root(folder) for folder in folders]).run(way)

    def _find_root(self, folder: str) -> _Root:
        if folder not in self._roots:
            self._roots[folder] = _Root.of(folder, self.start)
        return self._roots[folder]


@dataclass(frozen=True, slots=True)
class _Root:
    """A folder that may be looked into."""

    named: _Way
    """The part of its path that is trusted, as it was named."""
    base: _Way
    """The same without links."""
    real: _Way
    """All of its path, if nothing behind the base is a link."""

    @classmethod
    def of(cls, folder: str, start: str) -> _Root:
        path = os.path.abspath(folder)  # noqa: PTH100 - takes ".." out and follows no link
        shared = os.path.commonpath([path, os.path.abspath(start)])  # noqa: PTH100 - as above
        # A folder that has nothing to do with the manifest's is the word of the operator, links on the way and all.
        trusted = path if shared == "/" else shared
        named, base = _split(trusted), _split(os.path.realpath(trusted))
        return cls(named, base, base + _split(path)[len(named) :])

    def holds(self, way: _Way) -> bool:
        """Whether a way is the folder or leads into it."""
        return way[: len(self.real)] == self.real

    def lies_below(self, way: _Way) -> bool:
        """Whether a way is the folder or leads to it."""
        return self.real[: len(way)] == way

    def shows(self, way: _Way) -> bool:
        """Whether it may be looked at what is at the end of a way."""
        is_behind = len(way) > len(self.base) and way[: len(self.base)] == self.base
        return is_behind and (self.holds(way) or self.lies_below(way))


class _Walk:
    """One way, name by name."""

    def __init__(self, roots: Sequence[_Root]) -> None:
        self._roots = roots
        self._here: _Way = ()
        self._rest: deque[str] = deque()
        self._links = 0

    def run(self, way: _Way) -> bool:
        """Return whether the way stays within."""
        if not self._enter(way):
            return False
        while self._rest:
            if not self._step(self._rest.popleft()):
                return False
        return any(root.holds(self._here) for root in self._roots)

    def _enter(self, way: _Way) -> bool:
        """Start in the folder that an absolute way leads into; False if it leads into none."""
        starts = {start: root.base for root in self._roots for start in (root.named, root.base)}
        fitting = [start for start in starts if way[: len(start)] == start]
        if not fitting:
            return False
        start = max(fitting, key=len)
        self._here, self._rest = starts[start], deque(way[len(start) :])
        return True

    def _step(self, name: str) -> bool:
        there = self._here[:-1] if name == ".." else (*self._here, name)
        if name != ".." and any(root.shows(there) for root in self._roots):
            return self._follow(there)
        # A link may lead from one folder to another through what lies above both, which is not looked at.
        self._here = there
        return any(root.holds(there) or root.lies_below(there) for root in self._roots)

    def _follow(self, there: _Way) -> bool:
        target = _read_link(there)
        if not target:
            self._here = there
            return target is not None
        self._links += 1
        if self._links > _MOST_LINKS:
            return False
        if target.startswith("/"):
            return self._enter((*_split(target), *self._rest))
        self._rest.extendleft(reversed(_split(target)))
        return True


def _read_link(way: _Way) -> str | None:
    """Return where a link leads; empty if it is none or is not there; None if it cannot be examined."""
    path = f"/{'/'.join(way)}"
    try:
        return os.readlink(path) if stat.S_ISLNK(os.lstat(path).st_mode) else ""  # noqa: PTH115 - the text itself
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError):
        return None


def _split(path: str) -> _Way:
    return tuple(part for part in path.split("/") if part not in ("", "."))
