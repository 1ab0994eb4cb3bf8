"""Announces each new raw key to GitHub's runner as a secret, if it is certain that the runner alone reads stderr.

No raw key may reach a file, a `tee`, a terminal or another program's pipe, and no key is lost because it could not be
masked. docs/decisions/0011-masks.md says why this is done and when not. Sources: docs.github.com, "Workflow commands
for GitHub Actions"; actions/runner 258d6c8: ActionCommand (only the start of a line is a command),
AddMaskCommandExtension (the line is not echoed), ScriptHandler and ContainerStepHost (which process runs the script).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TextIO

from keyplan.applier.route import writer_at
from keyplan.applier.update import edit
from keyplan.model.desired import Desired
from keyplan.model.identity import KeyId, ProviderName
from keyplan.model.observation import Observation
from keyplan.model.secret import RawKey
from keyplan.ports import Issued, KeyWriter
from keyplan.system.processes import Process, name_open_file, read_processes


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingWriter:
    """Implements `KeyWriter` with another one."""

    writer: KeyWriter
    mask: Callable[[RawKey], None]
    """Announces a raw key to the log's keeper. Never raises."""

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        """Make a key and mask its raw key; raises what the writer raises."""
        return self._masked(self.writer.create(desired, expires_at=expires_at))

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:
        """Give a key a new raw key and mask it; raises what the writer raises."""
        return self._masked(self.writer.refresh(key_id, expires_at=expires_at, grace=grace))

    def update(self, key_id: KeyId, desired: Desired) -> Observation:
        """Change texts of a key, as the writer does; InputError if it can't."""
        return edit(self.writer, key_id, desired)

    def delete(self, key_id: KeyId) -> None:
        """End a key, as the writer does."""
        self.writer.delete(key_id)

    def at(self, provider: ProviderName) -> MaskingWriter:
        """Return the writer of one provider, whose new raw keys are masked, too."""
        return replace(self, writer=writer_at(self.writer, provider))

    def verify(self, raw: RawKey) -> bool:
        """Whether the provider accepts this raw key, as the writer says."""
        return self.writer.verify(raw)

    def _masked(self, issued: Issued) -> Issued:
        self.mask(issued.raw)
        return issued


Mask = Callable[[RawKey], None]

UNMASKED = "not masked: stderr does not go straight to the runner, so new raw keys are not announced to it"
_RUNNER = "Runner.Worker"
_INIT = 1
_PIPE = re.compile(r"pipe:\[[0-9]+\]")
_SCRIPT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(\.[a-z0-9]+)?")
"""ScriptHandler names the script of a step by a new GUID."""
_CONTAINER_TEMP = "/__w/_temp"
"""Where a job's container sees the runner's folder for such scripts (actions/runner, ContainerInfo)."""


@dataclass(frozen=True, slots=True)
class _RunnerMask:
    """Announces raw keys on a descriptor that led to the runner when that was looked at."""

    descriptor: int
    pipe: str

    def __call__(self, raw: RawKey) -> None:
        # What cannot be announced is not announced: by now the key exists, and has to be delivered.
        with suppress(OSError):
            if name_open_file(self.descriptor) == self.pipe and _is_plain(raw):
                # One write of at most PIPE_BUF bytes is never mixed with another's (POSIX, write). The line break
                # before it ends a line that was left half written, in which the runner would see no command.
                os.write(self.descriptor, f"\n::add-mask::{_escape(raw.reveal())}\n".encode("ascii"))


def find_mask(
    environment: Mapping[str, str],
    stream: TextIO | None,
    say: Callable[[str], None],
    *,
    look: Callable[[], Mapping[int, Process]] = read_processes,
) -> Mask | None:
    """Return what masks raw keys in the runner's log; None outside a runner, or where it would not be safe.

    The latter is reported once. Nothing is written yet.
    """
    if environment.get("GITHUB_ACTIONS") != "true":
        return None
    descriptor = _descriptor_of(stream)
    pipe = name_open_file(descriptor) if descriptor is not None else None
    if descriptor is None or pipe is None or not reaches_runner(pipe, os.getpid(), look()):
        say(UNMASKED)
        return None
    return _RunnerMask(descriptor, pipe)


def reaches_runner(pipe: str, own: int, processes: Mapping[int, Process]) -> bool:
    """Whether it is certain that GitHub's runner alone reads what this process writes into a pipe.

    Either the runner is among its ancestors and reads that pipe. Or, in a job's container, where the runner cannot be
    seen, the topmost ancestor is a step's script and no process that can be seen reads it.
    """
    if not _PIPE.fullmatch(pipe):
        return False
    ancestors = dict(_climb(own, processes))
    runner = next((process for process in ancestors.values() if process.name == _RUNNER), None)
    if runner:
        return pipe in (runner.reads or ())
    steps = (number for number, process in ancestors.items() if process.parent == 0 and _runs_step(process))
    # The first process of a container does not belong to a step: it was there before, or is an image of its own.
    return any(number != _INIT for number in steps) and _is_read_by_none(pipe, processes)


def _climb(own: int, processes: Mapping[int, Process]) -> Iterator[tuple[int, Process]]:
    """Yield a process and its ancestors, as far as they can be seen."""
    climbed: set[int] = set()
    while (process := processes.get(own)) and own not in climbed:
        climbed.add(own)
        yield own, process
        own = process.parent


def _is_read_by_none(pipe: str, processes: Mapping[int, Process]) -> bool:
    """Whether it is certain that no process here reads a pipe; not where the open files of one cannot be seen."""
    return all(process.reads is not None and pipe not in process.reads for process in processes.values())


def _runs_step(process: Process) -> bool:
    paths = map(PurePath, process.arguments[1:])
    return any(path.parent == PurePath(_CONTAINER_TEMP) and _SCRIPT.fullmatch(path.name) for path in paths)


def _descriptor_of(stream: TextIO | None) -> int | None:
    if stream is None:
        return None
    try:
        return stream.fileno()
    except (OSError, ValueError):  # it is not a file, or it is closed
        return None


def _is_plain(raw: RawKey) -> bool:
    """Whether a raw key is one word of visible ASCII, and short enough to be written at once."""
    return re.fullmatch(r"[!-~]{8,1024}", raw.reveal()) is not None


def _escape(text: str) -> str:
    # The runner turns %25 back (actions/toolkit, escapeData); line breaks, which it escapes too, are never in here.
    return text.replace("%", "%25")
