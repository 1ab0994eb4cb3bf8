"""Reports an unattended run: metrics into a file, notices to webhooks. Neither changes the run's own answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from keyplan.app.context import RunContext
from keyplan.app.metrics import Meter, meter_run
from keyplan.app.notifications import NoticeSender, NotificationSettings, open_notice_sender, status_with_notices
from keyplan.errors import KeyplanError
from keyplan.model.drift import Drift
from keyplan.model.manifest import Manifest
from keyplan.model.observation import Snapshot
from keyplan.model.plan import FreshPlan
from keyplan.planner.forecast import forecast
from keyplan.renderers.machine.measures import Inspection
from keyplan.renderers.machine.notice import FailedManifest

FORESEEN = timedelta(days=31)
"""How far ahead metrics show rotations: farther than any useful warning of an expiry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorSettings:
    """How an unattended run reports what it found."""

    metrics_file: Path | None
    notifications: NotificationSettings


class Monitor:
    """Collects what a run finds, and reports it at the end: metrics into a file, notices to webhooks."""

    def __init__(self, sender: NoticeSender, meter: Meter, *, command: str) -> None:
        self._sender = sender
        self._meter = meter
        self._command = command
        self._drifts: list[Drift] = []
        self._troubles: list[FailedManifest] = []

    def expect(self, manifests: Sequence[str]) -> None:
        """Take the manifests that the run looks at, as soon as they are known."""
        self._meter.expect(manifests)

    def note(self, drift: Drift, plan: FreshPlan, snapshot: Snapshot, *, manifest: Manifest) -> None:
        """Take what was found for one manifest."""
        self._drifts.append(drift)
        if self._meter.is_read:
            calendar = forecast(plan, snapshot, until=snapshot.now + FORESEEN, manifest=manifest)
            self._meter.note(Inspection(drift=drift, plan=plan, snapshot=snapshot, calendar=calendar))

    def fail(self, manifest: str, error: KeyplanError) -> None:
        """Take the error of one manifest, if the run goes on with the others."""
        self._troubles.append(FailedManifest(manifest=manifest, error=error))

    def conclude(self, status: int) -> int:
        """Send the notices of a run, and return its exit status: `status`, unless a notice did not arrive."""
        is_told = self._sender.tell(self._drifts, self._troubles, command=self._command)
        return status_with_notices(status, is_told=is_told)

    def give_up(self, error: KeyplanError) -> None:
        """Send the notices of a run that ends with an error."""
        manifests = self._meter.failed or ()
        self.fail(manifests[0] if len(manifests) == 1 else "", error)
        self._sender.tell(self._drifts, self._troubles, command=self._command)


@contextmanager
def monitor(context: RunContext, settings: MonitorSettings, *, command: str) -> Iterator[Monitor]:
    """Yield a monitor; a KeyplanError that leaves the block is reported as the run's failure.

    Raises InputError before the block if a notice could never be sent, and after it if the metrics file cannot be
    written.
    """
    sender = open_notice_sender(context, settings.notifications)
    with meter_run(context, settings.metrics_file, command=command) as meter:
        monitored = Monitor(sender, meter, command=command)
        try:
            yield monitored
        except KeyplanError as error:
            monitored.give_up(error)
            raise
