"""Locks a file with a folder beside it, in which its next content is written before it takes the file's place.

git shows no empty folder, and no file in a folder whose `.gitignore` says so. So whenever the process dies, `git
status` shows neither the lock nor the content. No content is written there before that `.gitignore` is in force.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from contextlib import ExitStack, suppress
from typing import Self

from keyplan.system.locks import LockWait

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NAMELESS = getattr(os, "O_TMPFILE", 0)
"""Linux alone has files without a name (open(2)), and not on every file system."""
IGNORE_FILE, IGNORE_ALL = ".gitignore", b"*\n"
"""With such a file git shows nothing of a folder, the file itself included (gitignore(5))."""
_NO_FOLDER_LOCKS = frozenset({errno.EBADF, errno.EINVAL, errno.EISDIR, errno.ENOLCK, errno.EOPNOTSUPP})
"""What flock(2) says of a folder where folders cannot be locked: NFS locks only what is open for writing."""

_TAKEN = frozenset({errno.EEXIST, errno.ENOTDIR, errno.ENOTEMPTY})
"""What rename(2) says of a folder if there is another one, or a file, of that name."""


class Shelter:
    """The folder that locks a file, and holds drafts of what is to take its place. Its methods raise OSError."""

    def __init__(self, outer: int, name: str, descriptor: int) -> None:
        self._outer = outer
        self._name = name
        self.descriptor = descriptor
        """Of the folder, to rename drafts from."""
        self._more = ExitStack()
        self._is_hidden = False

    @classmethod
    def acquire(cls, outer: int, name: str, wait: LockWait) -> Self:
        """Return the shelter of that name in an open folder, locked; it is made if there is none.

        Raises LockHeldError if another program holds it for longer than `wait` says.
        """
        while True:
            with ExitStack() as undo:
                descriptor = _open(outer, name)
                undo.callback(os.close, descriptor)
                shelter = cls(outer, name, descriptor)
                undo.callback(shelter._more.close)
                shelter._lock(wait)
                if not _is_named(outer, descriptor, name):
                    continue  # its holder removed it in the meantime
                if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
                    # The lock of an older keyplan, which is over: a file, left by a crash.
                    os.unlink(name, dir_fd=outer)
                    continue
                undo.pop_all()
                return shelter

    def create(self, content: bytes) -> str:
        """Return the name of a new draft in the shelter, of mode 0600 and on disk."""
        self._hide()
        # A name that cannot be guessed: one that is in the repository's index would be shown as changed.
        name = secrets.token_hex(8)
        create_whole(self.descriptor, name, content, is_durable=True)
        return name

    def discard(self, name: str) -> None:
        """Remove a draft; nothing if it has taken its place. Never raises: `release` tries again."""
        with suppress(OSError):
            os.unlink(name, dir_fd=self.descriptor)

    def release(self) -> None:
        """Remove the shelter, with what an earlier crash left in it, and free the lock."""
        try:
            with suppress(OSError):
                # Its `.gitignore` last: until then it hides the others.
                for name in sorted((entry.name for entry in os.scandir(self.descriptor)), key=IGNORE_FILE.__eq__):
                    with suppress(OSError):
                        os.unlink(name, dir_fd=self.descriptor)
                # While it is held: a waiting process then sees that it has lost its name, and starts again.
                os.rmdir(self._name, dir_fd=self._outer)
        finally:
            self._more.close()
            os.close(self.descriptor)

    def _lock(self, wait: LockWait) -> None:
        try:
            wait.lock(self.descriptor)
        except OSError as error:
            if error.errno not in _NO_FOLDER_LOCKS:
                raise
            self._lock_file(wait)

    def _lock_file(self, wait: LockWait) -> None:
        """Lock a file beside the shelter, on a file system that locks no folders. The file stays after a crash."""
        name = f"{self._name}file"
        while True:
            with ExitStack() as undo:
                descriptor = os.open(name, _OPEN_FILE | os.O_CREAT, _PRIVATE_FILE, dir_fd=self._outer)
                undo.callback(os.close, descriptor)
                wait.lock(descriptor)
                if _is_named(self._outer, descriptor, name):
                    self._more.callback(_remove_held, self._outer, descriptor, name)
                    undo.pop_all()
                    return

    def _hide(self) -> None:
        """Put a `.gitignore` into the shelter that hides all in it, itself as well, whatever stood there before."""
        if self._is_hidden:
            return
        try:
            # Not on disk before the draft is: that costs a third of the time of a write. A draft has a name for some
            # microseconds only, so that a power failure hardly ever leaves the one without the other.
            create_whole(self.descriptor, IGNORE_FILE, IGNORE_ALL, is_durable=False)
        except FileExistsError:
            # Left by a crash, or written by others with other words in it. Replaced at once, not removed first:
            # what the crash left beside it must stay hidden.
            name = secrets.token_hex(8)
            create_whole(self.descriptor, name, IGNORE_ALL, is_durable=False)
            os.replace(name, IGNORE_FILE, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        self._is_hidden = True


def create_whole(folder: int, name: str, content: bytes, *, is_durable: bool) -> None:
    """Create a file of mode 0600 in an open folder, whole from its first moment if the file system can do that.

    `is_durable`: its content is on disk when this returns; its name, once the folder is.
    Raises FileExistsError, OSError.
    """
    try:
        _link_whole(folder, name, content, is_durable=is_durable)
    except FileExistsError:
        raise
    except OSError:
        descriptor = os.open(name, _CREATE_FLAGS, _PRIVATE_FILE, dir_fd=folder)
        try:
            _write_all(descriptor, content, is_durable=is_durable)
        finally:
            os.close(descriptor)


def make_ignored_folder(outer: int, name: str) -> None:
    """Make a folder of mode 0700 that git ignores from its first moment; nothing if something of that name is there.

    Raises OSError.
    """
    made = f".{name}.{secrets.token_hex(8)}"
    os.mkdir(made, _PRIVATE_FOLDER, dir_fd=outer)
    descriptor = os.open(made, _OPEN_FOLDER, dir_fd=outer)
    try:
        create_whole(descriptor, IGNORE_FILE, IGNORE_ALL, is_durable=True)
        try:
            os.rename(made, name, src_dir_fd=outer, dst_dir_fd=outer)
        except OSError as error:
            os.unlink(IGNORE_FILE, dir_fd=descriptor)
            os.rmdir(made, dir_fd=outer)
            if error.errno not in _TAKEN:
                raise
    finally:
        os.close(descriptor)
    os.fsync(outer)


def _link_whole(folder: int, name: str, content: bytes, *, is_durable: bool) -> None:
    """Name a file once it is written. Raises OSError where files cannot be without a name for a while."""
    descriptor = os.open(".", os.O_WRONLY | _NAMELESS | os.O_CLOEXEC, _PRIVATE_FILE, dir_fd=folder)
    try:
        _write_all(descriptor, content, is_durable=is_durable)
        # The way to name such a file without privileges: open(2), O_TMPFILE.
        os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(descriptor)


def _open(outer: int, name: str) -> int:
    """Return a descriptor of a shelter that is made if there is none, or of the file that an older keyplan locked."""
    while True:
        with suppress(FileExistsError):
            os.mkdir(name, _PRIVATE_FOLDER, dir_fd=outer)
        with suppress(FileNotFoundError):  # removed by its holder in the meantime
            try:
                return os.open(name, _OPEN_FOLDER, dir_fd=outer)
            except NotADirectoryError:
                return os.open(name, _OPEN_FILE, dir_fd=outer)


def _is_named(outer: int, descriptor: int, name: str) -> bool:
    try:
        named = os.stat(name, dir_fd=outer, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))


def _remove_held(outer: int, descriptor: int, name: str) -> None:
    with suppress(OSError):
        os.unlink(name, dir_fd=outer)
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _write_all(descriptor: int, content: bytes, *, is_durable: bool) -> None:
    # Not with a file object, which makes five more system calls for a file that is known.
    while content:
        content = content[os.write(descriptor, content) :]
    if is_durable:
        os.fsync(descriptor)
