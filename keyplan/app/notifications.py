"""Sends the notices of a run. A URL is never shown, and a notice that does not arrive changes no answer of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from keyplan import __version__
from keyplan.app.context import RunContext
from keyplan.app.exit_codes import ExitStatus
from keyplan.app.wiring import jitter
from keyplan.errors import InputError, NotificationError
from keyplan.model.drift import Drift
from keyplan.model.mask import hide, hide_fields
from keyplan.model.notice import Mood, Notice
from keyplan.net.http import OpenClient
from keyplan.notify import open_notifier
from keyplan.notify.targets import read_target
from keyplan.ports import Notifier
from keyplan.renderers.machine.notice import FailedManifest, LeakedKeys, build_leak_notice, build_notice

_LARGEST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationSettings:
    """Where notices go, and when."""

    urls: tuple[str, ...] = field(default=(), repr=False)
    """Each may hold a secret."""
    file: Path | None = None
    """Holds further URLs, one a line."""
    is_heartbeat: bool = False
    """Whether to send a notice if nothing is wrong, too."""


class NoticeSender:
    """Sends the notices of one run to every target."""

    def __init__(self, context: RunContext, notifiers: Sequence[Notifier], *, is_heartbeat: bool) -> None:
        self._context = context
        self._notifiers = notifiers
        self._is_heartbeat = is_heartbeat

    def tell(self, drifts: Sequence[Drift], troubles: Sequence[FailedManifest], *, command: str) -> bool:
        """Return whether every notice arrived; targets that none reached are named on stderr."""
        notice = _mask(
            build_notice(
                drifts,
                troubles,
                command=command,
                version=__version__,
                at=self._context.wiring.clock.now(),
            )
        )
        if notice.mood is Mood.CALM and not self._is_heartbeat:
            return True
        return self._send_all(notice)

    def tell_leaks(self, leaked: LeakedKeys, *, command: str) -> bool:
        """Return whether every notice about leaked keys arrived; targets that none reached are named on stderr."""
        at = self._context.wiring.clock.now()
        return self._send_all(_mask(build_leak_notice(leaked, command=command, version=__version__, at=at)))

    def _send_all(self, notice: Notice) -> bool:
        # One that fails must not keep the others from being sent.
        sent = [self._send(notifier, notice) for notifier in self._notifiers]
        return all(sent)

    def _send(self, notifier: Notifier, notice: Notice) -> bool:
        try:
            notifier.notify(notice)
        except NotificationError as error:
            self._context.report_error(error)
            return False
        return True


def open_notice_sender(
    context: RunContext, settings: NotificationSettings, *, client: OpenClient | None = None
) -> NoticeSender:
    """Return the sender of a run. Call it first: a URL that makes no sense is reported before anything is done.

    Raises InputError if a URL cannot be used, a package is missing, or the file cannot be read.
    """
    targets = [read_target(url) for url in dict.fromkeys((*settings.urls, *_read_file(context, settings.file)))]
    clock, environment = context.wiring.clock, context.environment
    notifiers = [
        open_notifier(target, clock=clock, jitter=jitter, environment=environment, client=client) for target in targets
    ]
    return NoticeSender(context, notifiers, is_heartbeat=settings.is_heartbeat)


def _mask(notice: Notice) -> Notice:
    return replace(
        notice,
        title=hide(notice.title),
        text=hide(notice.text),
        document=hide_fields(notice.document),
        slack=hide_fields(notice.slack),
    )


def status_with_notices(status: int, *, is_told: bool) -> int:
    """Return a run's own status; 1 if all is well except that a notice did not arrive."""
    return status if is_told or status != ExitStatus.DONE else ExitStatus.UNFORESEEN


def _read_file(context: RunContext, file: Path | None) -> list[str]:
    """Return the URLs in a file; empty lines and those that begin with # count for nothing."""
    if file is None:
        return []
    try:
        with (context.folder / file).open("rb") as opened:
            lines = opened.read(_LARGEST_BYTES).decode().splitlines()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise InputError(f"{file} is not a text file") from None
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
