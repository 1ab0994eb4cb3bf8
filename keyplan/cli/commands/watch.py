"""`keyplan watch`: a service that plans again and again, and applies what is allowed; one leader at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click

from keyplan.app.apply import DEFAULT_PARALLELISM
from keyplan.app.leak_receiver import LeakReceiver
from keyplan.app.notifications import NotificationSettings, open_notice_sender
from keyplan.app.pace import DEFAULT_EVERY, SHORTEST_EVERY
from keyplan.app.parallel import MAX_PARALLEL_MANIFESTS
from keyplan.app.watch import Watch, WatchSettings
from keyplan.app.watch_board import WatchBoard
from keyplan.app.watch_files import WatchedNames
from keyplan.app.watch_notices import WatchNotices
from keyplan.app.watch_pages import ListenAddress, list_pages, serve_pages
from keyplan.app.watch_ports import Pools, WatchPorts
from keyplan.app.watch_round import RoundSettings
from keyplan.app.wiring import jitter
from keyplan.cli.apply_options import MOST_PARALLEL, lease_option
from keyplan.cli.layer_options import layer_options
from keyplan.cli.monitor_options import notification_options
from keyplan.cli.options import (
    Duration,
    FileNames,
    Number,
    argument,
    exclude_option,
    ledger_option,
    option,
    policy_option,
    preflight_option,
)
from keyplan.cli.session import Session
from keyplan.cli.watch_log import LOG_FORMATS, WatchLog
from keyplan.model.times import write_duration
from keyplan.model.watch import WatchEvent, WatchNews
from keyplan.planner.due import Selected

_OFF = "off"
_DEFAULT_LISTEN = "127.0.0.1:9857"
_HIGHEST_PORT = 65_535


def _read_address(ctx: click.Context, parameter: click.Parameter, value: str) -> ListenAddress | None:
    """Return where to listen; None for ``off``."""
    if value == _OFF:
        return None
    host, _, port = value.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > _HIGHEST_PORT:
        message = f"{value!r} is neither HOST:PORT, such as {_DEFAULT_LISTEN}, nor {_OFF}"
        raise click.BadParameter(message, ctx=ctx, param=parameter)
    return ListenAddress(host.removeprefix("[").removesuffix("]"), int(port))


@click.command("watch")
@argument("manifests", variable="MANIFEST", nargs=-1, type=FileNames(), metavar="[MANIFEST]...")
@exclude_option
@option(
    "--every",
    type=Duration(least=SHORTEST_EVERY),
    default=write_duration(DEFAULT_EVERY),
    show_default=True,
    help="The interval between plans; shorter if something falls due earlier.",
)
@option(
    "--apply",
    "selected",
    variable="WATCH_APPLY",
    type=click.Choice([one.value for one in (Selected.DUE, Selected.ALL, Selected.NOTHING)]),
    default=Selected.DUE.value,
    show_default=True,
    help="What to apply without a review: only what is due, everything, or nothing.",
)
@option(
    "--listen",
    callback=_read_address,
    default=_DEFAULT_LISTEN,
    show_default=True,
    metavar="HOST:PORT",
    help="The address of /healthz, /readyz and /metrics; in a pod 0.0.0.0:PORT, off for none.",
)
@option(
    "--leak-reports",
    type=Path,
    metavar="KEYS_FILE",
    help="Take reports of leaked keys at POST /leaks/github, signed with one of the public keys in this file.",
)
@option(
    "--log-format",
    type=click.Choice(LOG_FORMATS),
    default=LOG_FORMATS[0],
    show_default=True,
    help="The format of the log on stderr.",
)
@option(
    "--parallelism",
    type=Number(1, MOST_PARALLEL),
    default=DEFAULT_PARALLELISM,
    show_default=True,
    help="How many calls to make at once per manifest to the provider, and to each sink.",
)
@notification_options
@policy_option
@preflight_option
@ledger_option
@lease_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    manifests: tuple[str, ...],
    exclude: tuple[str, ...],
    every: timedelta,
    selected: str,
    listen: ListenAddress | None,
    leak_reports: Path | None,
    log_format: str,
    parallelism: int,
    notifications: NotificationSettings,
    policies: tuple[str, ...],
    no_preflight: bool,
    ledger: str | None,
    lease: timedelta | None,
) -> int:
    """Plan at regular intervals, and apply what has fallen due.

    Applies only what a reviewed manifest schedules: renewals that are due, the deletion of superseded keys, and
    what an interrupted run left unfinished. Other changes are counted in the metrics and left to keyplan apply.

    Runs until SIGTERM or SIGINT, then finishes the keys in progress and ends with 0; a second signal stops it at
    once. SIGHUP reloads all manifests and public keys; a changed manifest is reloaded without it. If several
    processes watch one manifest with one ledger, one leads and the others stand by.

    Exit status: 0 stopped by a signal, 3 nothing to watch, or the address cannot be used, 130 and 143 stopped by a
    second signal.

    \b
    Examples:
      keyplan watch keys.yaml
      keyplan watch envs/ --every 10m --listen 0.0.0.0:9857
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    if leak_reports and not listen:
        raise click.UsageError("--leak-reports needs an address in --listen")
    context = session.context
    log = WatchLog(session.screen, context.wiring.clock.now, as_format=log_format)
    # What adapters say is a line of the log, too.
    wiring = session.wire(session.environment, log.say)
    context = replace(context, wiring=wiring, say=log.say, report_error=log.report_error)
    names = WatchedNames(
        sources=manifests, exclude=exclude, policies=policies, ledger=ledger, lease=lease, is_preflight=not no_preflight
    )
    rounds = RoundSettings(selected=Selected(selected), parallelism=parallelism, follow=log.follow)
    settings = WatchSettings(names=names, every=every, round_settings=rounds)
    board = WatchBoard(wiring.clock)
    sender = open_notice_sender(context, notifications)
    leaks = LeakReceiver(leak_reports, context, log.tell) if leak_reports else None
    notices = WatchNotices(sender)
    with _serving(listen, board, leaks, log), _open_pools() as pools, session.interrupts.serving():
        ports = WatchPorts(context=context, board=board, tell=log.tell, jitter=jitter, notices=notices, leaks=leaks)
        Watch(settings, ports, pools, wants_reload=session.interrupts.takes_reload).run()
    return 0


@contextmanager
def _serving(
    listen: ListenAddress | None, board: WatchBoard, leaks: LeakReceiver | None, log: WatchLog
) -> Iterator[None]:
    if listen is None:
        yield
        return
    pages = list_pages(board, leaks.counts if leaks else None)
    with serve_pages(listen, pages, leaks.list_intakes() if leaks else None) as address:
        log.tell(WatchEvent(news=WatchNews.LISTENING, message=f"serving probes and metrics on {address}"))
        yield


@contextmanager
def _open_pools() -> Iterator[Pools]:
    """Yield the threads that work; an interrupt does not wait for what they have under way."""
    rounds = ThreadPoolExecutor(max_workers=MAX_PARALLEL_MANIFESTS, thread_name_prefix="round")
    leaderships = ThreadPoolExecutor(max_workers=MAX_PARALLEL_MANIFESTS, thread_name_prefix="leadership")
    searches = ThreadPoolExecutor(max_workers=MAX_PARALLEL_MANIFESTS, thread_name_prefix="leak-search")
    is_over = False
    try:
        yield Pools(rounds=rounds, leaderships=leaderships, searches=searches)
        is_over = True
    finally:
        for pool in (rounds, leaderships, searches):
            pool.shutdown(wait=is_over, cancel_futures=True)
