"""The pages that a watch serves: is it alive, is it ready, and how does it stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from keyplan import __version__
from keyplan.app.watch_board import LONGEST_SILENCE, WatchBoard
from keyplan.model.leak_report import ReportFate
from keyplan.model.mask import hide, hide_in_strings
from keyplan.model.times import write_duration
from keyplan.net.probes import ListenAddress, Pages, ProbePage, serve_pages
from keyplan.renderers.machine.metrics import render_metrics
from keyplan.renderers.machine.watch import measure_leaks, measure_watch
from keyplan.renderers.sanitize import sanitize

__all__ = ["ListenAddress", "list_pages", "serve_pages"]

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""As Prometheus' documentation of the text format has it."""
_UNAVAILABLE = 503


def list_pages(board: WatchBoard, count_reports: Callable[[], Mapping[ReportFate, int]] | None = None) -> Pages:
    """Return what is served under each path; `count_reports` is there if reports of leaked keys are taken."""
    return {
        "/healthz": lambda: _mask(_show_health(board)),
        "/readyz": lambda: _mask(_show_readiness(board)),
        "/metrics": lambda: _show_metrics(board, count_reports),
    }


def _show_health(board: WatchBoard) -> ProbePage:
    """Return 200 while everything under way makes progress."""
    hung = board.list_hung()
    if not hung:
        return ProbePage(text="ok\n")
    limit = write_duration(LONGEST_SILENCE)
    return ProbePage(text="".join(f"{sanitize(task)}: no progress for {limit}\n" for task in hung), status=_UNAVAILABLE)


def _show_readiness(board: WatchBoard) -> ProbePage:
    """Return 200 once every manifest was read and its ledger answered, whether this process leads or not."""
    waiting = board.list_waiting()
    if not waiting:
        return ProbePage(text="ok\n")
    return ProbePage(text="".join(f"{sanitize(line, width=1000)}\n" for line in waiting), status=_UNAVAILABLE)


def _show_metrics(board: WatchBoard, count_reports: Callable[[], Mapping[ReportFate, int]] | None) -> ProbePage:
    statuses = board.statuses()
    samples = [*measure_watch(statuses, version=__version__, ended_at=board.ended_at), *board.samples()]
    if count_reports:
        samples += measure_leaks(count_reports(), statuses)
    return ProbePage(text=hide_in_strings(render_metrics(samples)), content_type=METRICS_TYPE)


def _mask(page: ProbePage) -> ProbePage:
    return replace(page, text=hide(page.text))
