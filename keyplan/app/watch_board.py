"""What a watch shows to probes and to Prometheus: its health, its readiness, and how each manifest stands.

Threads of the watch write it, threads that answer requests read it. Nothing in it may hold a secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

from keyplan.app.progress import Follower
from keyplan.errors import KeyplanError
from keyplan.model.identity import Address
from keyplan.model.plan import Action
from keyplan.model.report import Outcome, Report
from keyplan.model.watch import ManifestStatus
from keyplan.ports import Clock
from keyplan.renderers.machine.metrics import Sample

LONGEST_SILENCE = timedelta(minutes=15)
"""A loop or a round that makes no progress for longer hangs: each exchange with a provider ends long before."""


class WatchBoard:
    """The state of a watch, as far as others may see it. Safe for threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = RLock()
        self._beats: dict[str, timedelta] = {}
        self._statuses: dict[str, ManifestStatus] = {}
        self._answered: set[str] = set()
        self._samples: dict[str, tuple[Sample, ...]] = {}
        self.ended_at: datetime | None = None
        """When a round last ended, well or not."""

    # progress

    def beat(self, task: str) -> None:
        """Note that a task begins, or makes progress."""
        with self._turn:
            self._beats[task] = self._clock.elapsed()

    def end(self, task: str) -> None:
        """Note that a task is over: nothing more is expected of it."""
        with self._turn:
            self._beats.pop(task, None)

    def list_hung(self) -> list[str]:
        """Return the tasks that have made no progress for too long, sorted; none if all is well."""
        with self._turn:
            now = self._clock.elapsed()
            return sorted(task for task, beat in self._beats.items() if now - beat > LONGEST_SILENCE)

    # manifests

    def expect(self, manifest: str) -> None:
        """Note that a manifest is watched, whether it can be read or not."""
        with self._turn:
            self._statuses.setdefault(manifest, ManifestStatus(manifest=manifest))

    def drop(self, manifest: str) -> None:
        """Forget a manifest that is watched no longer."""
        with self._turn:
            self._statuses.pop(manifest, None)
            self._samples.pop(manifest, None)
            self._answered.discard(manifest)

    def change(self, manifest: str, **changes: Any) -> None:
        """Replace fields of a manifest's status; nothing for one that is watched no longer."""
        with self._turn:
            if manifest in self._statuses:
                self._statuses[manifest] = replace(self._statuses[manifest], **changes)

    def count(self, manifest: str, field: str, *keys: object) -> None:
        """Add one to each of these keys in a counter of a manifest's status."""
        with self._turn:
            if manifest in self._statuses:
                counts = dict(getattr(self._statuses[manifest], field))
                for key in keys:
                    counts[key] = counts.get(key, 0) + 1
                self.change(manifest, **{field: counts})

    def count_loss(self, manifest: str) -> None:
        """Note that the leadership of a manifest was lost."""
        with self._turn:
            if manifest in self._statuses:
                self.change(manifest, losses=self._statuses[manifest].losses + 1)

    def note_answer(self, manifest: str) -> None:
        """Note that the ledger of a manifest has answered."""
        with self._turn:
            self._answered.add(manifest)

    def show(self, manifest: str, samples: Iterable[Sample]) -> None:
        """Take the samples of a manifest's last look, in place of the former ones."""
        taken = tuple(samples)
        with self._turn:
            self._samples[manifest] = taken

    # what is read

    def list_waiting(self) -> list[str]:
        """Return what readiness waits for, a line each; none once every manifest was read and its ledger answered."""
        with self._turn:
            if not self._statuses:
                return ["no manifest is known yet"]
            unread = [f"{status.manifest} is not read" for status in self._list_statuses() if not status.owner]
            silent = [
                f"the ledger of {status.manifest} has not answered"
                for status in self._list_statuses()
                if status.owner and status.manifest not in self._answered
            ]
            return [*unread, *silent]

    def statuses(self) -> tuple[ManifestStatus, ...]:
        """Return how each manifest stands, sorted by its path."""
        with self._turn:
            return tuple(self._list_statuses())

    def samples(self) -> tuple[Sample, ...]:
        """Return the samples of the last looks, of all manifests that this process leads."""
        with self._turn:
            return tuple(sample for _, samples in sorted(self._samples.items()) for sample in samples)

    def _list_statuses(self) -> list[ManifestStatus]:
        return [status for _, status in sorted(self._statuses.items())]


class BeatingFollower:
    """Implements `Follower`: each step of an apply is progress of its task, and is passed on."""

    def __init__(self, board: WatchBoard, task: str, other: Follower) -> None:
        self._board = board
        self._task = task
        self._other = other

    def begin(self, total: int) -> None:
        """Pass it on."""
        self._board.beat(self._task)
        self._other.begin(total)

    def start(self, action: Action) -> None:
        """Pass it on."""
        self._board.beat(self._task)
        self._other.start(action)

    def step(self, address: Address, what: str) -> None:
        """Pass it on."""
        self._board.beat(self._task)
        self._other.step(address, what)

    def finish(self, address: Address, outcome: Outcome | None) -> None:
        """Pass it on."""
        self._board.beat(self._task)
        self._other.finish(address, outcome)

    def end(self, result: Report | KeyplanError) -> None:
        """Pass it on."""
        self._board.beat(self._task)
        self._other.end(result)
