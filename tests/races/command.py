"""What `keyplan apply --auto-approve` does, without a command line: lock, plan, apply, and the exit status."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from keyplan.app.apply import open_jobs, plan_job, run_jobs
from keyplan.app.context import RunContext
from keyplan.app.exit_codes import status_of_apply, status_of_error
from keyplan.app.wiring import Wiring
from keyplan.app.workspace import make_workspace
from keyplan.errors import KeyplanError
from keyplan.model.manifest import Manifest
from keyplan.model.plan import Request


class _NeverStopped:
    """Implements `Stop`."""

    def requested(self) -> int | None:
        """Return None."""
        return None


def apply_manifest(manifest: Manifest, wiring: Wiring, *, patience: timedelta) -> int:
    """Apply a manifest and return the exit status of the command; `patience` is `--lock-timeout`."""
    context = RunContext(
        environment={},
        folder=Path("/"),
        read_stdin=lambda _most: b"",
        wiring=wiring,
        stop=_NeverStopped(),
        say=lambda _line: None,
        report_error=lambda _error: None,
    )
    try:
        workspace = make_workspace(manifest, Path("/"), context, ledger=None)
        with open_jobs(context, [workspace], (), command="apply", lock_timeout=patience) as jobs:
            plans = [plan_job(job, Request()) for job in jobs]
            (result,) = run_jobs(context, jobs, plans, command="apply", parallelism=1)
    except KeyplanError as error:
        return status_of_error(error)
    return status_of_error(result) if isinstance(result, KeyplanError) else status_of_apply(plans[0], result)
