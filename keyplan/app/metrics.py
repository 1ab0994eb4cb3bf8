"""Writes the metrics file of a run, when it ends well and when it fails. The file is replaced as a whole.

A former file that makes no sense is not a failure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from keyplan import __version__
from keyplan.app.context import RunContext
from keyplan.app.files import save_publicly
from keyplan.errors import InputError, KeyplanError
from keyplan.model.mask import hide_in_strings
from keyplan.renderers.machine.measures import Inspection, Run, measure
from keyplan.renderers.machine.metrics import read_metrics, render_metrics

_LARGEST_BYTES = 64 * 1024 * 1024


class Meter:
    """Collects what a run looks at."""

    def __init__(self, *, is_read: bool) -> None:
        self.is_read = is_read
        """Whether the metrics are written anywhere."""
        self.manifests: tuple[str, ...] | None = None
        """Paths of all manifests that are to be looked at; None until that is known."""
        self.looks: list[Inspection] = []

    def expect(self, manifests: Sequence[str]) -> None:
        """Take the manifests of the run; one that is never noted counts as failed."""
        self.manifests = tuple(manifests)

    def note(self, look: Inspection) -> None:
        """Take what was found for one manifest."""
        self.looks.append(look)

    @property
    def failed(self) -> tuple[str, ...] | None:
        """Manifests that were expected and not noted; None if that is not known."""
        if self.manifests is None:
            return None
        seen = {look.plan.manifest for look in self.looks}
        return tuple(path for path in self.manifests if path not in seen)


@contextmanager
def meter_run(context: RunContext, file: Path | None, *, command: str) -> Iterator[Meter]:
    """Yield a meter, and write the metrics file when the block ends, with a KeyplanError too.

    Raises InputError if the file cannot be written; if the block failed, that is only reported on stderr.
    """
    clock, meter = context.wiring.clock, Meter(is_read=file is not None)
    started_at = clock.now()

    def save() -> None:
        if file is None:
            return
        run = Run(
            command=command,
            version=__version__,
            started_at=started_at,
            finished_at=clock.now(),
            inspections=tuple(meter.looks),
            failed=meter.failed,
        )
        path = context.folder / file
        text = hide_in_strings(render_metrics(measure(run, tuple(read_metrics(_read(path))))))
        save_publicly(path, text.encode())

    def save_if_possible() -> None:
        try:
            save()
        except InputError as error:
            context.report_error(error)

    try:
        yield meter
    except KeyplanError:
        save_if_possible()
        raise
    if meter.failed:
        save_if_possible()  # the run failed already, and says so with its exit status
    else:
        save()


def _read(path: Path) -> str:
    """Return what the run before wrote; empty if there is no file, or none that could be ours."""
    with suppress(OSError):
        if path.is_file() and path.stat().st_size <= _LARGEST_BYTES:
            return path.read_text(encoding="utf-8", errors="replace")
    return ""
