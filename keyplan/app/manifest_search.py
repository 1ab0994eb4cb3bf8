"""Looks for manifests in a folder and below it.

What could be a manifest and is not read is never passed over: it is an error, or it is named to the user.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from keyplan.app.context import RunContext
from keyplan.errors import InputError
from keyplan.manifest import is_manifest

DEFAULT_MANIFESTS = ("keys.yaml", "keys.yml", "keyplan.yaml", "keyplan.yml")
LEFT_OUT = ("vendor", "node_modules", ".git")
"""Folders that belong to others: they are searched only if the user names them."""

_ADVICE = "name it as well if it is meant, or leave it out with --exclude GLOB"
_MOST_FOLDERS_OUTSIDE = 1000
"""A link may lead to the root of the disk; so many folders behind it are looked into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Folder:
    """A folder that is to be looked into."""

    shown: str
    """As the user would name it."""
    inner: str
    """Its path from the folder that is searched; empty for that one."""
    real: str
    is_hidden: bool = False
    is_linked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class _Candidate:
    """A file with the name of a manifest; of several ways to one file, the least is taken."""

    is_hidden: bool
    is_linked: bool
    shown: str
    real: str


def is_excluded(shown: str, inner: str, patterns: Collection[str]) -> bool:
    """Whether a pattern leaves a file or folder out: by its name, or with a slash in the pattern, by its path."""
    plain = shown.removeprefix("./")
    for pattern in patterns:
        glob = pattern.removeprefix("./").removeprefix("**/").rstrip("/")
        paths = (inner, plain) if "/" in glob else (PurePosixPath(plain).name,)
        if any(fnmatchcase(path, glob) for path in paths):
            return True
    return False


def search_folder(named: str, context: RunContext, exclude: Collection[str]) -> list[str]:
    """Return the manifests in a folder and below it, sorted by name; foreign files are named to the user.

    Raises InputError if a manifest there cannot be taken, or if there is none.
    """
    search = _Search(named, context, tuple(exclude))
    candidates = search.run()
    foreign = [one for one in candidates if _is_foreign(one.real)]
    for one in foreign:
        context.say(f"{one.shown} is not a keyplan manifest (it has neither version nor owner): it is skipped")
    manifests = [one for one in candidates if one not in foreign]
    unread = [*search.problems, *(_tell_hidden(one) for one in manifests if one.is_hidden)]
    if unread:
        raise InputError("\n".join(sorted(unread)), advice=_ADVICE)
    if not manifests:
        raise InputError(f"no manifest in {named}: neither keys.yaml nor keyplan.yaml is in it or below it")
    return sorted(one.shown for one in manifests)


def drop_foreign(names: list[str], context: RunContext) -> list[str]:
    """Return the manifests among files, unless none of them is one: then all of them, so that their problems show."""
    own = [name for name in names if not _is_foreign(str(context.folder / name))]
    return own or names


def _tell_hidden(one: _Candidate) -> str:
    return f"{one.shown} is in a hidden folder, which is not searched"


def _is_foreign(path: str) -> bool:
    """Whether a file is another program's; a file that cannot be read is not, so that it is reported."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path of the search, already joined
            return not is_manifest(file.read())
    except OSError:
        return False


@dataclass(slots=True)
class _Search:
    """One walk through a folder: first what lies in it, then what links lead to."""

    named: str
    context: RunContext
    exclude: tuple[str, ...]
    problems: list[str] = field(default_factory=list)
    _root: str = ""
    _followed: set[str] = field(default_factory=set)
    _links: list[_Folder] = field(default_factory=list)

    def run(self) -> list[_Candidate]:
        """Return every file once, by the best of the ways that lead to it."""
        self._root = os.path.realpath(self.context.folder / self.named)
        found = list(self._walk(_Folder(shown=self.named, inner="", real=self._root)))
        # Visible links first: a folder that is hidden itself may be linked to, as in a mounted ConfigMap.
        while self._links:
            self._links.sort(key=lambda link: (link.is_hidden, link.shown), reverse=True)
            found += self._follow(self._links.pop())
        best: dict[str, _Candidate] = {}
        for candidate in sorted(found):
            best.setdefault(candidate.real, candidate)
        return sorted(best.values(), key=lambda one: one.shown)

    def _walk(self, start: _Folder) -> Iterator[_Candidate]:
        waiting = [start]
        while waiting:
            folder = waiting.pop()
            for entry in self._list(folder):
                if entry.is_symlink() and not self.context.follows_links:
                    continue
                inner = f"{folder.inner}/{entry.name}" if folder.inner else entry.name
                shown = str(PurePosixPath(folder.shown, entry.name))
                if is_excluded(shown, inner, self.exclude) or (entry.name in LEFT_OUT and entry.is_dir()):
                    continue
                if not entry.is_dir():
                    yield from self._take(entry, shown, folder)
                    continue
                below = _Folder(
                    shown=shown,
                    inner=inner,
                    real=os.path.realpath(entry.path) if entry.is_symlink() else f"{folder.real}/{entry.name}",
                    is_hidden=folder.is_hidden or entry.name.startswith("."),
                    is_linked=folder.is_linked or entry.is_symlink(),
                )
                (self._links if entry.is_symlink() else waiting).append(below)

    def _list(self, folder: _Folder) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder.real) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self.problems.append(f"{folder.shown} cannot be looked into: {error.strerror}")
            return []

    def _take(self, entry: os.DirEntry[str], shown: str, folder: _Folder) -> Iterator[_Candidate]:
        if entry.name in DEFAULT_MANIFESTS:
            yield _Candidate(
                is_hidden=folder.is_hidden,
                is_linked=folder.is_linked or entry.is_symlink(),
                shown=shown,
                real=os.path.realpath(entry.path),
            )

    def _follow(self, link: _Folder) -> Iterator[_Candidate]:
        """Yield what a link leads to; a link out of the tree is a problem if manifests are there."""
        if link.real in self._followed:
            return
        # Once each, so that a circle of links ends.
        self._followed.add(link.real)
        if link.real == self._root or link.real.startswith(f"{self._root.rstrip('/')}/"):
            yield from self._walk(link)
            return
        found = _find_outside(link.real)
        if found is None:
            self.context.say(f"{link.shown} leads out of {self.named} to many folders, which are not searched")
        elif found:
            self.problems.append(f"{link.shown} leads out of {self.named} to manifests, which are not read")


def _find_outside(folder: str) -> bool | None:
    """Return whether there is a manifest in a folder or below it; None if the search would take too long."""
    for number, (path, folders, files) in enumerate(os.walk(folder)):
        if number == _MOST_FOLDERS_OUTSIDE:
            return None
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        if any(name in DEFAULT_MANIFESTS and not _is_foreign(f"{path}/{name}") for name in files):
            return True
    return False
