"""Keeps the environment that the process was started with from its children and from who reads `/proc/PID/environ`.

For the command line alone, which owns its process: a program that uses keyplan as a library keeps its environment.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_OWN = Path("/proc/self")
_ENV_START, _ENV_END = 50 - 3, 51 - 3
"""Fields of `/proc/PID/stat`, counted from 1 (proc(5)); the third is the first after the name of the program."""


def drop(variables: Collection[str]) -> None:
    """Remove these variables, and every other one of the same value, from the environment of the process itself.

    Libraries start programs of their own, such as `az`, `pass` or an AWS `credential_process`, and give them all of it.
    """
    values = {os.environ[name] for name in variables if os.environ.get(name)}
    for name in [name for name, value in os.environ.items() if name in variables or value in values]:
        del os.environ[name]


def blank(own: Path = _OWN) -> bool:
    """Blank what `/proc/PID/environ` shows of this process, which keeps its environment; return whether it is blank.

    That file shows the memory that the kernel filled at the start, whatever was set or removed since. Call it while the
    process has one thread. It does nothing on systems without `/proc`.
    """
    with suppress(OSError, ValueError, IndexError):
        fields = (own / "stat").read_bytes().rpartition(b")")[2].split()
        start, end = int(fields[_ENV_START]), int(fields[_ENV_END])
        _move()
        # Both are 0 if the kernel does not report them, as in some sandboxes.
        if 0 < start < end:
            _overwrite(own / "mem", start, end - start)
        return not (own / "environ").read_bytes().strip(b"\0")
    return False


def _move() -> None:
    """Give every variable memory elsewhere, so that C libraries still find it."""
    for name, value in os.environb.items():
        # Removed first: a C library may keep the memory of a variable whose value does not change.
        os.unsetenv(name)
        os.putenv(name, value)


def _overwrite(memory: Path, start: int, length: int) -> None:
    with memory.open("r+b", buffering=0) as file:
        file.seek(start)
        file.write(bytes(length))
