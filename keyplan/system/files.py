"""Reads, replaces and removes files in one open folder, so that a crash never leaves a half-written file.

A path is split into a trusted base and parts below it. No link is followed below the base unless the caller allows it,
and no file is created with a mode wider than 0600. A file that was there keeps its owner, group and mode.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Self

from keyplan.system.locks import LockWait, taking_turns
from keyplan.system.shelter import Shelter, make_ignored_folder

_PERMISSIONS = 0o777
_PRIVATE_FOLDER = 0o700
_LARGEST_BYTES = 4 * 1024 * 1024
"""No file of secrets is larger; a larger file was named by mistake."""
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SETTLED_SECONDS = 2.0
"""Longer than the tick of any file system's clock: FAT counts two seconds, the others milliseconds."""


class OwnerLostError(PermissionError):
    """A file can't be replaced by one of the same owner and group, because this user may not give it to them."""

    def __init__(self, found: os.stat_result, name: str) -> None:
        super().__init__(errno.EPERM, f"its owner and group ({found.st_uid}:{found.st_gid}) can't be kept", name)


class Folder:
    """One open folder. Its methods take names in it, without separators, and raise OSError.

    All access goes through the descriptor, so renaming the folder or replacing it by a link does not redirect a write.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._shelter: Shelter | None = None
        """That of the lock that is held."""

    @classmethod
    def enter(cls, base: str, parts: Sequence[str], *, create: bool, follow: bool) -> Self:
        """Open a folder below a base, which must exist; `create` makes the missing folders on the way.

        `follow` says whether links below the base are followed; a link at the base always is.
        """
        # One component at a time, each relative to the open one before: a link that was created meanwhile is noticed.
        descriptor = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in parts:
            try:
                inner = _step_into(descriptor, part, create=create, follow=follow)
            finally:
                os.close(descriptor)
            descriptor = inner
        return cls(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def make_ignored(self, name: str) -> None:
        """Make a folder in this one, of mode 0700, that git ignores; nothing if something of that name is there."""
        if not self._exists(name):
            make_ignored_folder(self._descriptor, name)

    def read(self, name: str) -> bytes | None:
        """Return a file's content; None if there is no file. A link, folder, pipe or huge file is an OSError."""
        try:
            descriptor = os.open(name, _READ_FLAGS, dir_fd=self._descriptor)
        except FileNotFoundError:
            return None
        try:
            found = os.fstat(descriptor)
            _refuse_unfit(found, name)
            # One byte more than the size, to notice the end with one call: half the time of a file object.
            content = os.read(descriptor, found.st_size + 1)
            while len(content) > found.st_size and (more := os.read(descriptor, _LARGEST_BYTES)):
                content += more  # it grew meanwhile
            return content
        finally:
            os.close(descriptor)

    def trace(self, name: str) -> str:
        """Return what differs once a plain file was written, replaced or changed in any way; empty if that is not sure.

        It is not if there is no such file, or if it changed just now: another change at the same tick of the file
        system's clock would not show. No program can set the time of a file's last change (inode(7), ctime).
        """
        try:
            found = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except OSError:
            return ""
        if not stat.S_ISREG(found.st_mode) or max(found.st_ctime, found.st_mtime) > time.time() - _SETTLED_SECONDS:
            return ""
        return f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"

    def find_age(self, name: str) -> timedelta | None:
        """Return how long ago a file was written; None if there is none, or if the clock has been set back since."""
        try:
            written = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_mtime
        except FileNotFoundError:
            return None
        age = timedelta(seconds=time.time() - written)
        return age if age >= timedelta(0) else None

    def write(self, name: str, content: bytes) -> None:
        """Replace a file by one of the same owner, group and mode, whole or not at all; durable when it returns.

        A file that was not there has mode 0600. If no lock is held, that of the file is taken. Raises OwnerLostError if
        owner and group can't be kept.
        """
        with self._drafting(name, content) as (shelter, draft):
            # rename(2) would replace a link, a pipe or a device without a word.
            if found := self._find(name):
                _adopt(shelter, draft, found)
            os.replace(draft, name, src_dir_fd=shelter, dst_dir_fd=self._descriptor)
        # An older keyplan's, which a crash left behind with a raw key in it.
        with suppress(OSError):
            self._unlink(name_temporary(name))
        # The rename is durable only once the folder is on disk (fsync(2)).
        os.fsync(self._descriptor)

    def replace(self, name: str, content: bytes, *, mode: int) -> None:
        """Put a new file of this mode in place of a file or a link, whole or not at all; durable when it returns."""
        with self._drafting(name, content) as (shelter, draft):
            os.chmod(draft, mode, dir_fd=shelter)
            os.replace(draft, name, src_dir_fd=shelter, dst_dir_fd=self._descriptor)
        os.fsync(self._descriptor)

    def try_owner(self, name: str) -> None:
        """Return if a file, if there is one, can be replaced by one of the same owner and group.

        Raises OwnerLostError. Only an empty file beside it shows it for certain: capabilities, user namespaces and
        network file systems decide it, too.
        """
        found = self._find(name)
        if found is None:
            return
        with self._drafting(name, b"") as (shelter, draft):
            _adopt(shelter, draft, found)

    def remove(self, name: str) -> None:
        """Remove a file, durably; do nothing if there is none."""
        self._unlink(name)
        os.fsync(self._descriptor)

    @contextmanager
    def locked(self, name: str, wait: LockWait | None = None, *, shared: str = "") -> Iterator[None]:
        """Hold a lock against other threads and processes; its folder, of that name, is removed afterwards.

        `shared` names a file that no other program may have locked for itself meanwhile. Raises LockHeldError if
        another program holds one of both locks for longer than `wait` says.
        """
        wait = wait or LockWait(named=name)
        with taking_turns(self._descriptor, name), ExitStack() as stack:
            self._shelter = Shelter.acquire(self._descriptor, name, wait)
            stack.callback(self._release)
            if shared:
                stack.enter_context(wait.sharing(self._descriptor, shared))
            yield

    def _release(self) -> None:
        if self._shelter is not None:
            self._shelter.release()
        self._shelter = None

    @contextmanager
    def _drafting(self, name: str, content: bytes) -> Iterator[tuple[int, str]]:
        """Give folder and name of a new file with that content, which is removed if the block leaves it there."""
        with ExitStack() as stack:
            if self._shelter is None:
                stack.enter_context(self.locked(name_lock(name)))
            shelter = self._shelter
            assert shelter is not None  # noqa: S101 - `locked` has just set it
            draft = shelter.create(content)
            try:
                yield shelter.descriptor, draft
            finally:
                shelter.discard(draft)

    def _find(self, name: str) -> os.stat_result | None:
        """Return what is known of a plain file; None if there is none. Anything else of that name is an OSError."""
        try:
            found = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None
        _refuse_unfit(found, name)
        return found

    def _exists(self, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def _unlink(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)


def name_lock(name: str) -> str:
    """Return the name of the folder that locks a file of this name."""
    return f".{name}.keyplan.lock"


def name_temporary(name: str) -> str:
    """Return the name of the file that an older keyplan wrote before it took this name."""
    return f".{name}.keyplan.tmp"


def _adopt(folder: int, name: str, model: os.stat_result) -> None:
    """Give a file in an open folder the owner, group and mode of another one, and make that durable."""
    own = os.stat(name, dir_fd=folder, follow_symlinks=False)
    wanted = model.st_mode & _PERMISSIONS
    if (own.st_uid, own.st_gid, stat.S_IMODE(own.st_mode)) == (model.st_uid, model.st_gid, wanted):
        return
    descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fchown(descriptor, model.st_uid, model.st_gid)
        # After the change of owner, which takes bits away. No set-user-id: a secret is not a program.
        os.fchmod(descriptor, wanted)
        os.fsync(descriptor)
    except PermissionError as error:
        raise OwnerLostError(model, name) from error
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _step_into(outer: int, part: str, *, create: bool, follow: bool) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        return os.open(part, flags | (0 if follow else os.O_NOFOLLOW), dir_fd=outer)
    except FileNotFoundError:
        if not create:
            raise
    # Another process may create the same folder at the same time.
    with suppress(FileExistsError):
        os.mkdir(part, _PRIVATE_FOLDER, dir_fd=outer)
    os.fsync(outer)
    # Not followed even with `follow`: the folder was missing a moment ago, so a link there now is an attack or a race.
    return os.open(part, flags | os.O_NOFOLLOW, dir_fd=outer)


def _refuse_unfit(found: os.stat_result, name: str) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EISDIR, "not a plain file", name)
    if found.st_size > _LARGEST_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), name)
