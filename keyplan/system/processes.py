"""Which processes there are, who started whom, and what each has open: as far as Linux lets this process see.

In: the `/proc` file system. Out: a table. Never: a guess; what cannot be seen is None.

Source: proc(5).
"""

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
    """At most 15 bytes of the name of its program."""
    parent: int
    """0: it was started from outside of what this process can see."""
    arguments: tuple[str, ...] = ()
    reads: frozenset[str] | None = frozenset()
    """What it has open for reading, such as ``pipe:[4711]``; None where that cannot be seen."""


def read_processes(proc: Path = PROC) -> Mapping[int, Process]:
    """Return all processes that can be seen, by number; nothing on a system without `/proc`."""
    found: dict[int, Process] = {}
    with suppress(OSError):
        for folder in proc.iterdir():
            # One that ends meanwhile is gone, which is all that has to be known of it.
            with suppress(FileNotFoundError, ProcessLookupError):
                if folder.name.isdecimal() and (process := _read(folder)):
                    found[int(folder.name)] = process
    return found


def name_open_file(descriptor: int, proc: Path = PROC) -> str | None:
    """Return what a descriptor of this process leads to, such as ``pipe:[4711]``; None where that cannot be seen."""
    try:
        return str((proc / "self" / "fd" / str(descriptor)).readlink())
    except OSError:
        return None


def _read(folder: Path) -> Process | None:
    """Return the process of a folder; None for one that has ended and only waits to be counted."""
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
            # A descriptor that is closed meanwhile is no longer read.
            with suppress(FileNotFoundError):
                flags = _FLAGS.search((folder / "fdinfo" / link.name).read_bytes())
                if flags is None or int(flags[1], 8) & os.O_ACCMODE != os.O_WRONLY:
                    reads.add(str(link.readlink()))
    except (FileNotFoundError, ProcessLookupError):
        raise
    except OSError:
        return None
    return frozenset(reads)
