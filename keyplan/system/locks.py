"""Waits for locks that other programs hold on a file: with a message after a while, and never without an end."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

_LOCKS = Path("/proc/locks")
"""proc_locks(5). Only Linux has it; elsewhere no message names a process."""
_HELD = re.compile(r"\d+: \S+ +\S+ +\S+ +(\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) ", re.ASCII)
"""A line of it. One with an arrow is a process that waits, one with process -1 a lock of an open file."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.1
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class LockHeldError(OSError):
    """Another program held a lock for longer than keyplan waits. `strerror` names its process, if that shows."""

    def __init__(self, holder: str) -> None:
        super().__init__(errno.EAGAIN, f"a lock on it is held by {holder}")


def _say_nothing(_: str) -> None:
    """Print nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWait:
    """How long to wait for a lock, and what to show to the user meanwhile."""

    named: str = "a file"
    """What is locked, as messages name it."""
    say: Callable[[str], None] = _say_nothing
    """Prints one line to the user."""
    notice: timedelta = timedelta(seconds=5)
    """After how long the user is informed. keyplan itself holds such a lock for less than a second, sops for some."""
    limit: timedelta = timedelta(seconds=60)
    given_up: set[str] = field(default_factory=set)
    """What was waited for to the end: not once more, so that a step that is undone ends at once. Shared by copies."""

    def lock(self, descriptor: int) -> None:
        """Lock a file or folder against all others. Raises LockHeldError; OSError if it cannot be locked at all."""
        self._await(descriptor, lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB), which="lock")

    @contextmanager
    def sharing(self, folder: int, name: str) -> Iterator[None]:
        """Run the block while no other program has locked a file for itself; nothing if there is no such file.

        A program that replaces one line of a file locks it for itself; many may read it at a time.
        Raises LockHeldError.
        """
        descriptor = _open_plain(folder, name)
        if descriptor is None:
            yield
            return
        try:
            self._await(descriptor, lambda: _share(descriptor), which="file")
            yield
        finally:
            os.close(descriptor)

    def _await(self, descriptor: int, attempt: Callable[[], None], *, which: str) -> None:
        key = f"{which} of {self.named}"
        started, pause, is_told = time.monotonic(), _FIRST_PAUSE, False
        while True:
            with suppress(BlockingIOError):
                attempt()
                self.given_up.discard(key)
                return
            waited = timedelta(seconds=time.monotonic() - started)
            if waited >= self.limit or key in self.given_up:
                self.given_up.add(key)
                raise LockHeldError(_describe_holder(descriptor))
            if waited >= self.notice and not is_told:
                is_told = True
                self.say(f"waiting for {self.named}: a lock on it is held by {_describe_holder(descriptor)}")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _open_plain(folder: int, name: str) -> int | None:
    """Return a descriptor of a plain file; None if there is none. The writer refuses anything else of that name."""
    with suppress(OSError):
        descriptor = os.open(name, _OPEN_FLAGS, dir_fd=folder)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
    return None


def _share(descriptor: int) -> None:
    """Lock a file for readers, in both ways that programs lock files. Raises BlockingIOError."""
    for lock in (fcntl.flock, fcntl.lockf):
        try:
            lock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except PermissionError as error:  # the other answer that fcntl(2) may give for a lock that is held
            raise BlockingIOError(*error.args) from error
        except OSError:
            continue  # a file system without such locks has none that others could hold


def _describe_holder(descriptor: int) -> str:
    """Return which processes hold a lock on an open file, as far as this user may see that."""
    found = os.fstat(descriptor)
    wanted = (os.major(found.st_dev), os.minor(found.st_dev), found.st_ino)
    holders = sorted({process for process, file in _list_locks() if file == wanted} - {os.getpid()})
    return ", ".join(map(_describe_process, holders)) or "another process"


def _list_locks() -> Iterator[tuple[int, tuple[int, int, int]]]:
    """Yield process and file (device and inode) of each lock that is held on this machine."""
    with suppress(OSError):
        for line in _LOCKS.read_text().splitlines():
            if found := _HELD.match(line):
                process, major, minor, inode = found.groups()
                yield int(process), (int(major, 16), int(minor, 16), int(inode))


def _describe_process(process: int) -> str:
    with suppress(OSError):
        name = Path(f"/proc/{process}/comm").read_text(errors="replace").strip()
        if name.isprintable():
            return f"process {process} ({name})"
    return f"process {process}"


@dataclass(slots=True)
class _Turn:
    """One file's queue of threads."""

    lock: threading.Lock
    threads: int = 0


_turns: dict[tuple[int, int, str], _Turn] = {}
_turns_guard = threading.Lock()


@contextmanager
def taking_turns(folder: int, name: str) -> Iterator[None]:
    """Run the block when no other thread of this process runs one for the same name in the same folder.

    So a thread waits for a lock of others only: many threads that write one file in turn are not a foreign lock.
    """
    found = os.fstat(folder)
    key = (found.st_dev, found.st_ino, name)
    with _turns_guard:
        turn = _turns.setdefault(key, _Turn(threading.Lock()))
        turn.threads += 1
    try:
        with turn.lock:
            yield
    finally:
        with _turns_guard:
            turn.threads -= 1
            if not turn.threads:
                del _turns[key]
