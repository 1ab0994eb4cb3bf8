"""Whether a process that took a lock still lives: a lock that the kernel drops when its holder dies.

In: a path. Out: a held descriptor, or nothing. Never: waiting.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path


class ProcessLock:
    """An exclusive flock(2); at most one open one per file, in all processes of the host."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def seize(cls, path: Path) -> ProcessLock | None:
        """Return the lock, held; None while somebody who lives holds it. Raises OSError."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with ExitStack() as undo:
            undo.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            undo.pop_all()
        return cls(descriptor)

    def release(self) -> None:
        """Let it go."""
        os.close(self._descriptor)
