"""The options that say where an unattended run reports to: a metrics file and webhooks."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from keyplan.app.monitor import MonitorSettings
from keyplan.app.notifications import NotificationSettings
from keyplan.cli.options import Command, option


def notification_options(command: Command) -> Command:
    """Add ``--notify`` and its kin; the command gets them as `notifications`."""

    @functools.wraps(command)
    def gathered(
        *arguments: Any,
        notify: tuple[str, ...],
        notify_file: Path | None,
        notify_always: bool,
        **others: Any,
    ) -> Any:
        settings = NotificationSettings(urls=notify, file=notify_file, is_heartbeat=notify_always)
        return command(*arguments, notifications=settings, **others)

    decorated: Any = gathered
    for decorate in reversed(_NOTIFICATION_OPTIONS):
        decorated = decorate(decorated)
    result: Command = decorated
    return result


def monitoring_options(command: Command) -> Command:
    """Add ``--metrics-file``, ``--notify`` and their kin; the command gets them as `monitoring`."""

    @functools.wraps(command)
    def gathered(
        *arguments: Any,
        metrics_file: Path | None,
        notifications: NotificationSettings,
        **others: Any,
    ) -> Any:
        monitoring = MonitorSettings(metrics_file=metrics_file, notifications=notifications)
        return command(*arguments, monitoring=monitoring, **others)

    result: Command = _metrics_file_option(notification_options(gathered))
    return result


_metrics_file_option = option(
    "--metrics-file",
    type=Path,
    metavar="FILE",
    help="Write Prometheus metrics to FILE, for node_exporter's textfile collector.",
)
_NOTIFICATION_OPTIONS = (
    option(
        "--notify",
        multiple=True,
        metavar="URL",
        help="Send the findings to this webhook. Set it in the environment if the URL holds a secret. Repeatable.",
    ),
    option("--notify-file", type=Path, metavar="FILE", help="Send the findings to every URL in FILE, one per line."),
    option("--notify-always", is_flag=True, help="Send a notification even if nothing is found."),
)
