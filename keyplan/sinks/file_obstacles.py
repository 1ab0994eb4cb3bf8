"""What keeps a local file from being replaced, as far as that shows without writing: for the sinks that write files.

A file is replaced by renaming another one over it, so that more stands in the way than the mode of its folder. Nothing
here changes a file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from keyplan.errors import SinkDeniedError
from keyplan.model.observation import Slot
from keyplan.sinks.local_files import FileTarget, translate
from keyplan.system.clock import SystemClock
from keyplan.system.files import OwnerLostError, name_lock

_MOUNTS = Path("/proc/self/mountinfo")
_MOUNT_POINT = 4
"""Which field of a line there it is; proc_pid_mountinfo(5)."""
_ESCAPED = re.compile(rb"\\([0-7]{3})")
_GET_FLAGS = 0x8008_6601 if struct.calcsize("l") > 4 else 0x8004_6601  # noqa: PLR2004 - bytes of a C long
"""FS_IOC_GETFLAGS, ioctl_iflags(2)."""
_IMMUTABLE, _APPEND_ONLY = 0x10, 0x20
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class _FolderState:
    """What one folder says of all files in it."""

    path: str
    obstacle: SinkDeniedError | None
    """Why nothing can be written there."""
    mounted: frozenset[str]
    """Names of files in it that are mounted one by one."""
    is_sticky: bool
    """Whether only their owners may replace its files (unlink(2)), and this user is not the folder's."""


class FileObstacles:
    """Knows of many files what is in the way of replacing them. Each folder is looked at once."""

    def __init__(self, base: str, *, mounts: Path = _MOUNTS) -> None:
        self._base = base
        self._mount_points = frozenset(_read_mount_points(mounts))
        self._folders: dict[str, _FolderState] = {}
        self._user = os.geteuid()
        self._groups = frozenset({os.getegid(), *os.getgroups()})
        self._since = SystemClock().elapsed()

    @property
    def age(self) -> timedelta:
        """How long ago mounts were read, and so the longest that anything here can be out of date."""
        return SystemClock().elapsed() - self._since

    def find(self, location: str, files: Sequence[str]) -> SinkDeniedError | None:
        """Return why one of these files, which share a folder, can't be replaced; None if nothing shows."""
        # Text, not paths: of 10,000 files this saves half a second.
        outer, _, _ = files[0].rpartition("/")
        if outer not in self._folders:
            self._folders[outer] = self._look(Path(self._base, files[0]).parent)
        folder = self._folders[outer]
        if folder.obstacle is not None:
            return folder.obstacle
        names = [file.rpartition("/")[2] for file in files]
        if _is_too_long(name_lock(names[0])):
            return _deny(errno.ENAMETOOLONG, location)
        for name in names:
            if _is_too_long(name):
                return _deny(errno.ENAMETOOLONG, location)
            if found := _find_obstacle(folder, name, location) or self._find_lost_owner(folder, name, location):
                return found
        return None

    def _find_lost_owner(self, folder: _FolderState, name: str, location: str) -> SinkDeniedError | None:
        """Return why a file could not keep owner and group: root may give both away, other users only the group."""
        if self._user == 0:
            return None
        with suppress(OSError):
            found = os.lstat(f"{folder.path}/{name}")
            if found.st_uid != self._user or found.st_gid not in self._groups:
                denied = translate(OwnerLostError(found, name), location)
                return SinkDeniedError(denied.message, advice=denied.advice)
        return None

    def _look(self, folder: Path) -> _FolderState:
        real = folder.resolve()
        state = real.stat() if real.is_dir() else None
        user = os.geteuid()
        return _FolderState(
            path=str(folder),
            obstacle=_find_folder_obstacle(folder),
            mounted=frozenset(point.name for point in self._mount_points if point.parent == real),
            is_sticky=state is not None and bool(state.st_mode & stat.S_ISVTX) and user not in (0, state.st_uid),
        )


def list_files(slot: Slot) -> tuple[str, str]:
    """Return the files that change with a slot of a sink with sidecars."""
    target = FileTarget.of(slot)
    return target.file, target.sidecar_location


def _is_too_long(name: str) -> bool:
    return (len(name) if name.isascii() else len(os.fsencode(name))) > _LONGEST_NAME


def _find_obstacle(folder: _FolderState, name: str, location: str) -> SinkDeniedError | None:
    if name in folder.mounted:
        return _deny(errno.EBUSY, location)
    path = f"{folder.path}/{name}"
    # An immutable file is not writable (access(2)); one of mode 0400 is not either, and can be replaced.
    if not os.access(path, os.W_OK) and _read_flags(path) & _IMMUTABLE:
        return SinkDeniedError(f"{location}: the file is immutable", advice=f"take that flag off: chattr -i {path}")
    if folder.is_sticky:
        with suppress(FileNotFoundError):
            if os.lstat(path).st_uid != os.geteuid():
                return _deny(errno.EPERM, location)
    return None


def _find_folder_obstacle(folder: Path) -> SinkDeniedError | None:
    """Return why nothing can be written in a folder; what is missing is made in the nearest one that exists."""
    existing = next((outer for outer in (folder, *folder.parents) if outer.exists()), folder)
    if _read_flags(str(existing)) & (_IMMUTABLE | _APPEND_ONLY):
        return SinkDeniedError(
            f"{existing}: the folder is immutable or append-only", advice=f"take that flag off: chattr -ia {existing}"
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        return _deny(errno.EROFS if os.statvfs(existing).f_flag & os.ST_RDONLY else errno.EACCES, str(existing))
    return None


def _read_flags(path: str) -> int:
    """Return the flags of chattr(1); none if the file system knows none, or this user may not see them."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            flags: bytes = fcntl.ioctl(descriptor, _GET_FLAGS, bytes(struct.calcsize("l")))
            # The kernel writes an int, whatever the request's number says of its size.
            return int(struct.unpack_from("i", flags)[0])
        finally:
            os.close(descriptor)
    return 0


def _read_mount_points(mounts: Path) -> Iterator[Path]:
    """Yield where file systems, or single files, are mounted; nothing on a system that does not list them."""
    with suppress(OSError):
        for line in mounts.read_bytes().splitlines():
            fields = line.split(b" ")
            if len(fields) > _MOUNT_POINT:
                point = _ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), fields[_MOUNT_POINT])
                yield Path(os.fsdecode(point))


def _deny(number: int, location: str) -> SinkDeniedError:
    denied = translate(OSError(number, os.strerror(number)), location)
    return SinkDeniedError(denied.message, advice=denied.advice)
