"""Lists processes, their parents and the files they read, from `/proc` (proc(5)). What cannot be seen is None."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_STAT = re.compile(rb"(?P<pid>[0-9]+) \((?P<name>.*)\) (?P<state>\S) (?P<parent>[0-9]+) .*", re.DOTALL)
_FLAGS = re.compile(rb"^flags:\s*([0-7]+)$", re.MULTILINE)
_ZOMBIE = b"Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process."""

    name: str
    """The first 15 bytes of its program's name; the kernel keeps no more."""
    parent: int
    """0 if this process cannot see the parent, as in a container."""
    arguments: tuple[str, ...] = ()
    reads: frozenset[str] | None = frozenset()
    """The files that it has open for reading, such as ``pipe:[4711]``; None if they cannot be seen."""


def read_processes(proc: Path = PROC) -> Mapping[int, Process]:
    """Return all visible processes by number; none on a system without `/proc`."""
    found: dict[int, Process] = {}
    with suppress(OSError):
        for folder in proc.iterdir():
            # A process may end while it is being read; then it is left out.
            with suppress(FileNotFoundError, ProcessLookupError):
                if folder.name.isdecimal() and (process := _read(folder)):
                    found[int(folder.name)] = process
    return found


def name_open_file(descriptor: int, proc: Path = PROC) -> str | None:
    """Return the file behind a descriptor of this process, such as ``pipe:[4711]``; None if it cannot be seen."""
    try:
        return str((proc / "self" / "fd" / str(descriptor)).readlink())
    except OSError:
        return None


def _read(folder: Path) -> Process | None:
    """Return the process of a folder in `/proc`; None for a zombie, which reads nothing any more."""
    found = _STAT.fullmatch((folder / "stat").read_bytes())
    if found is None or found["state"] == _ZOMBIE:
        return None
    arguments = (folder / "cmdline").read_bytes().split(b"\0")[:-1]
    return Process(
        name=os.fsdecode(found["name"]),
        parent=int(found["parent"]),
        arguments=tuple(os.fsdecode(argument) for argument in arguments),
        reads=_list_read(folder),
    )


def _list_read(folder: Path) -> frozenset[str] | None:
    reads = set()
    try:
        for link in (folder / "fd").iterdir():
            # A descriptor may be closed while it is being examined.
            with suppress(FileNotFoundError):
                flags = _FLAGS.search((folder / "fdinfo" / link.name).read_bytes())
                if flags is None or int(flags[1], 8) & os.O_ACCMODE != os.O_WRONLY:
                    reads.add(str(link.readlink()))
    except (FileNotFoundError, ProcessLookupError):
        raise
    except OSError:
        # Another user's process: its descriptors are not visible, so nothing may be concluded from their absence.
        return None
    return frozenset(reads)
