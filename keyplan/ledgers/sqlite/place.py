"""The place of a ledger on disk: refused if others can write the file, put another in its place, or push it with git.

A ledger is proof of which keys are ours only as long as no other program writes it. No check may open the file:
closing it would drop the locks that SQLite holds on it in this process (fcntl(2)).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import assert_never

from keyplan.errors import LedgerError, LedgerUntrustedError
from keyplan.system import mercurial
from keyplan.system.git import Run, TrackedFile, UnknownTracking, find_tracked, run

_SIDE_SUFFIXES = ("-journal", "-wal", "-shm")
"""Of files beside a database that SQLite takes for a part of it (sqlite.org/tempfiles.html, section 2)."""
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
"""A POSIX access list that lets another user write shows here as well: its mask is the group's bits (acl(5))."""
_ROOT = 0
_OPEN_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
"""With O_PATH, which Linux has, a folder need not be listed, only searched; SQLite needs no more."""


@dataclass(frozen=True, slots=True)
class Inode:
    """What a path led to: the same file or folder, whatever its name."""

    device: int
    number: int


_UNTRACK = {"git": "git -C {tree} rm --cached {name}", "hg": "hg -R {tree} forget {name}"}
_LOOK = {
    "git": "'git -C {tree} ls-files' says (the checkout of another user takes git's safe.directory)",
    "hg": "'hg -R {tree} files' says",
}
"""How a user sees, and ends, that each program tracks a ledger."""
FileId = tuple[Inode, Inode]
"""A ledger's folder and file, as they were examined."""
_created: set[FileId] = set()
"""The ledgers that this process created: they were never pushed, so they do not need an answer of a git that fails.

Of the process, because a run opens its ledger several times. Without it, no fresh runner could apply in a checkout that
git does not trust, as in the containers of CI.
"""


class LedgerPlace:
    """The path of one ledger. Safe for threads."""

    def __init__(self, path: Path, environment: Mapping[str, str], run_git: Run = run) -> None:
        self.path = path
        self._folder = path.absolute().parent
        self._environment = environment
        self._run_git = run_git
        self._is_settled = False
        """Whether git was asked and the ledger may be used: an apply of a thousand writes must not ask at each."""

    def examine(self) -> FileId | None:
        """Return which file is the ledger; None if there is none yet.

        Raises:
            LedgerUntrustedError: Others can write it or its folder, it belongs to others, or git tracks it.
            LedgerError: It is not a file.
            OSError: It cannot be examined.
        """
        try:
            named = os.lstat(self._folder)
        except FileNotFoundError:
            return None
        _refuse_link(self._folder, named, "replace the link by a real folder, or name another ledger")
        # Through an open folder: what is examined below is in this folder, whatever is renamed meanwhile.
        folder = os.open(self._folder, _OPEN_FOLDER)
        try:
            opened = os.fstat(folder)
            self._refuse_folder(opened)
            found = self._examine_files(folder)
        finally:
            os.close(folder)
        if found is None:
            return None
        examined = _inode(opened), found
        self._refuse_tracked(is_new=examined in _created)
        self._is_settled = True
        return examined

    def refuse_new(self) -> None:
        """Return if a ledger may be created here.

        Raises:
            LedgerUntrustedError: git tracks a file of that name, which was deleted.
        """
        self._refuse_tracked(is_new=True)

    def trust_created(self) -> None:
        """Note that this process has just created the file. Raises OSError."""
        _created.add((_inode(os.lstat(self._folder)), _inode(os.lstat(self.path))))

    def confirm(self, examined: FileId) -> None:
        """Return if the path still leads to what was examined; call it once SQLite has opened the path.

        Raises:
            LedgerUntrustedError: Another file or folder is there.
            OSError: It cannot be examined.
        """
        # SQLite takes a path only, so a file that was created after the check shows only now.
        if (_inode(os.lstat(self._folder)), _inode(os.lstat(self.path))) != examined:
            raise LedgerUntrustedError(
                f"{self.path} was replaced while it was opened",
                advice="find out which program replaces it, then try again",
            )

    def _refuse_tracked(self, *, is_new: bool) -> None:
        """Return if git does not track the ledger; ask git only once. If git fails, a new ledger is fine."""
        if self._is_settled:
            return
        # The side files too: SQLite would play a journal that was pushed back into the ledger.
        names = [self.path.name + suffix for suffix in ("", *_SIDE_SUFFIXES)]
        found = find_tracked(self._folder, names, self._environment, self._run_git)
        found = found or mercurial.find_tracked(self._folder, names, self._environment, self._run_git)
        match found:
            case None:
                self._is_settled = True
            case TrackedFile(work_tree=work_tree, name=name, program=program):
                untrack = _UNTRACK[program].format(tree=quote(str(work_tree)), name=quote(name))
                raise LedgerUntrustedError(
                    f"{self.path} cannot be trusted: {program} tracks {name} in {work_tree}, so every user who can "
                    "push can write it",
                    advice=f"{untrack}, add its folder to .{program}ignore, and commit; if others can push, delete it "
                    "too: keyplan finds its keys without it",
                )
            case UnknownTracking() if is_new:
                pass
            case UnknownTracking(work_tree=work_tree, program=program):
                # Not taken for untracked: a checkout that git does not trust is where a pushed ledger would lie.
                look = _LOOK[program].format(tree=quote(str(work_tree)))
                raise LedgerUntrustedError(
                    f"{self.path} lies in the {program} work tree {work_tree}, and {program} could not report whether "
                    "it tracks it",
                    advice=f"check what {look}, or name a ledger outside with --ledger",
                )
            case _:
                assert_never(found)

    def _examine_files(self, folder: int) -> Inode | None:
        ledger: Inode | None = None
        for suffix in ("", *_SIDE_SUFFIXES):
            try:
                found = os.stat(self.path.name + suffix, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            self._refuse_file(self.path.with_name(self.path.name + suffix), found)
            if not suffix:
                ledger = _inode(found)
        return ledger

    def _refuse_folder(self, found: os.stat_result) -> None:
        _refuse_owner(self._folder, found)
        if found.st_mode & stat.S_ISVTX and found.st_mode & _WRITABLE_BY_OTHERS:
            # The sticky bit keeps others from replacing the ledger, not from putting a journal beside it.
            raise LedgerUntrustedError(
                f"{self.path} lies in {self._folder}, where other users can put files",
                advice=f"name a ledger in a folder of its own, such as {self._folder / '.keyplan' / self.path.name}",
            )
        _refuse_writable(
            self._folder,
            found,
            f"if only keyplan has written there: chmod go-w {quote(str(self._folder))}; "
            "or name a ledger in a folder of its own",
        )

    def _refuse_file(self, path: Path, found: os.stat_result) -> None:
        _refuse_link(path, found, "name the real file")
        if stat.S_ISDIR(found.st_mode):
            raise LedgerError(f"{path} is a folder", advice="name a file in it, such as ledger.db")
        if not stat.S_ISREG(found.st_mode):
            raise LedgerError(f"{path} is not a plain file", advice="name a plain file")
        _refuse_owner(path, found)
        _refuse_writable(
            path,
            found,
            f"if only keyplan has written it: chmod go-w {quote(str(path))}; "
            "else delete it: keyplan finds its keys without it",
        )


def _refuse_link(path: Path, found: os.stat_result, advice: str) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise LedgerUntrustedError(f"{path} is a link, which keyplan does not follow", advice=advice)


def _refuse_owner(path: Path, found: os.stat_result) -> None:
    user = os.geteuid()
    if found.st_uid not in {user, _ROOT}:
        # Root too: a user's ledger would let that user decide what root ends.
        raise LedgerUntrustedError(
            f"{path} belongs to user {found.st_uid}, neither to root nor to the user who runs keyplan ({user})",
            advice=f"run keyplan as that user; or, if only keyplan has written it: chown {user} {quote(str(path))}",
        )


def _refuse_writable(path: Path, found: os.stat_result, advice: str) -> None:
    if found.st_mode & _WRITABLE_BY_OTHERS:
        raise LedgerUntrustedError(
            f"{path} cannot be trusted: other users can write it (mode {stat.S_IMODE(found.st_mode):04o})",
            advice=advice,
        )


def _inode(found: os.stat_result) -> Inode:
    return Inode(found.st_dev, found.st_ino)
