"""A run that somebody wants to hear of who does not watch it: metrics in a file, notices to webhooks.

In: what a command was told about that, and what it finds. Out: both, when it ends well and when it fails. Never: a
word on stdout; another answer because of either.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from keyplan.app.metrics import Meter, metering
from keyplan.app.notifications import Informer, NotifyingSettings, conclude_told, open_informer
from keyplan.cli.options import Command, option
from keyplan.cli.session import Session
from keyplan.errors import KeyplanError
from keyplan.model.drift import Drift
from keyplan.model.observation import Snapshot
from keyplan.model.plan import FreshPlan
from keyplan.planner.forecast import forecast
from keyplan.renderers.machine.measures import Look
from keyplan.renderers.machine.notice import Trouble

FORESEEN = timedelta(days=31)
"""How far ahead metrics tell of rotations: farther than anybody wants to be warned of an expiry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchingSettings:
    """What a command is told about those who do not watch."""

    metrics_file: Path | None
    notifying: NotifyingSettings


class Watch:
    """Collects what a run finds, and tells it in the end."""

    def __init__(self, informer: Informer, meter: Meter, *, command: str) -> None:
        self._informer = informer
        self._meter = meter
        self._command = command
        self._drifts: list[Drift] = []
        self._troubles: list[Trouble] = []

    def expect(self, manifests: Sequence[str]) -> None:
        """Tell, once that is known, which manifests the run looks at."""
        self._meter.expect(manifests)

    def note(self, drift: Drift, plan: FreshPlan, snapshot: Snapshot) -> None:
        """Tell what a look at a manifest brought."""
        self._drifts.append(drift)
        if self._meter.is_read:
            calendar = forecast(plan, snapshot, until=snapshot.now + FORESEEN)
            self._meter.note(Look(drift=drift, plan=plan, snapshot=snapshot, calendar=calendar))

    def fail(self, manifest: str, error: KeyplanError) -> None:
        """Tell that a manifest could not be looked at, where the run goes on all the same."""
        self._troubles.append(Trouble(manifest=manifest, error=error))

    def conclude(self, status: int) -> int:
        """Send the notices of a run that would end with that status, and return with which it ends now."""
        is_told = self._informer.tell(self._drifts, self._troubles, command=self._command)
        return conclude_told(status, is_told=is_told)

    def give_up(self, error: KeyplanError) -> None:
        """Send the notices of a run that an error ends."""
        manifests = self._meter.failed or ()
        self.fail(manifests[0] if len(manifests) == 1 else "", error)
        self._informer.tell(self._drifts, self._troubles, command=self._command)


@contextmanager
def watching(session: Session, settings: WatchingSettings, *, command: str) -> Iterator[Watch]:
    """Give a watch for the block; an error of ours that leaves the block is told as the run's failure.

    Raises InputError before the block where a notice could never be sent, and after it where the metrics file cannot
    be written.
    """
    informer = open_informer(session, settings.notifying)
    with metering(session, settings.metrics_file, command=command) as meter:
        watch = Watch(informer, meter, command=command)
        try:
            yield watch
        except KeyplanError as error:
            watch.give_up(error)
            raise


def watching_options(command: Command) -> Command:
    """Add ``--metrics-file``, ``--notify`` and their kin; the command gets them as `watched`."""

    @functools.wraps(command)
    def gathered(
        *arguments: Any,
        metrics_file: Path | None,
        notify: tuple[str, ...],
        notify_file: Path | None,
        notify_always: bool,
        **others: Any,
    ) -> Any:
        notifying = NotifyingSettings(urls=notify, file=notify_file, is_heartbeat=notify_always)
        watched = WatchingSettings(metrics_file=metrics_file, notifying=notifying)
        return command(*arguments, watched=watched, **others)

    decorated: Any = gathered
    for decorate in reversed(_OPTIONS):
        decorated = decorate(decorated)
    result: Command = decorated
    return result


_OPTIONS = (
    option(
        "--metrics-file",
        type=Path,
        metavar="FILE",
        help="Write Prometheus metrics into FILE, for node_exporter's textfile collector.",
    ),
    option(
        "--notify",
        multiple=True,
        metavar="URL",
        help="Tell this webhook what was found. As it holds a secret, better in the environment. Repeatable.",
    ),
    option("--notify-file", type=Path, metavar="FILE", help="Tell every URL in FILE, one a line."),
    option("--notify-always", is_flag=True, help="Tell that all is well, too."),
)
