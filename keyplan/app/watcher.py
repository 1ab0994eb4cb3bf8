"""One manifest of a watch: whether this process leads for it, when its next round is due, and what came of the last.

Its tasks run in threads of others. One that fails must say so, plan its next try, and disturb no other manifest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from keyplan.app.leadership import Leadership, Standing
from keyplan.app.leak_desk import LeakDesk
from keyplan.app.pace import SHORTEST_EVERY, WAIT_FOR_LOCK, delay_after_failure, delay_round, poll_lease
from keyplan.app.progress import Follow
from keyplan.app.watch_board import BeatingFollower
from keyplan.app.watch_ports import Task, TaskKind, WatchPorts
from keyplan.app.watch_round import RoundSettings, apply_round, has_work, look
from keyplan.app.workspace import Workspace
from keyplan.documents.report import is_complete
from keyplan.errors import KeyplanError, LedgerLockedError
from keyplan.model.plan import Guard
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Report
from keyplan.model.watch import ApplyResult, RoundResult, WatchEvent, WatchNews
from keyplan.planner.due import select
from keyplan.renderers.machine.measures import Inspection, measure_inspection
from keyplan.renderers.summary import summarize_plans, summarize_reports

_RESULTS = {Done: "done", Failed: "failed", InDoubt: "in_doubt", NotTried: "not_tried"}
_AT_ONCE = timedelta(0)


class Watcher:
    """Looks after one manifest. Its tasks may run in threads, one of each kind at a time; the rest in one thread."""

    def __init__(
        self, workspace: Workspace, ports: WatchPorts, *, every: timedelta, round_settings: RoundSettings
    ) -> None:
        self.workspace = workspace
        self._ports = ports
        self._every = every
        self._settings = round_settings
        self._name = workspace.manifest.path
        self._leadership = Leadership(ports.context.wiring, workspace)
        self._desk = LeakDesk(self._name, ports, ports.leaks) if ports.leaks else None
        self._next_question = self._elapsed
        self._next_round = self._elapsed
        self._failures = 0
        self._trouble = ""
        """The last failure to ask for the leadership; reported once, not at every try."""
        ports.board.change(self._name, owner=workspace.manifest.owner, is_readable=True)

    @property
    def is_leader(self) -> bool:
        """Whether this process leads for the manifest."""
        return self._leadership.is_held

    @property
    def next_due(self) -> timedelta:
        """When the next task is due, in the time that the clock counts."""
        return min(self._next_question, self._next_round) if self.is_leader else self._next_question

    def list_due(self) -> Iterator[Task]:
        """Yield what is to be done now."""
        now = self._elapsed
        if now >= self._next_question:
            yield Task(name=f"leadership of {self._name}", kind=TaskKind.LEADERSHIP, run=self.ask)
        if self.is_leader and now >= self._next_round:
            yield Task(name=f"round of {self._name}", kind=TaskKind.ROUND, run=self.go_round)
        # Whether it leads or not: a sender reaches any one of the processes.
        yield from self.list_searches()

    def list_searches(self) -> Iterator[Task]:
        """Yield the search for reported tokens, if any wait whose time has come."""
        if self._desk and self._desk.is_due():
            yield Task(name=f"leak search of {self._name}", kind=TaskKind.LEAK_SEARCH, run=self.search_leaks)

    def hurry(self) -> None:
        """Let the next round begin at once."""
        self._next_round = self._elapsed

    def replace_workspace(self, workspace: Workspace) -> None:
        """Go on with another content of the manifest, at once. Call it while no task is under way."""
        former, self.workspace = self.workspace, workspace
        if _locate(former) != _locate(workspace):
            # What is led is the manifest in its ledger, and that is another one now.
            self.leave()
            self._leadership = Leadership(self._ports.context.wiring, workspace)
            self._next_question = self._elapsed
        self._failures = 0
        self._ports.board.change(self._name, owner=workspace.manifest.owner)
        self.hurry()

    def leave(self) -> None:
        """Give the leadership up, so that another process takes it at once."""
        self._leadership.leave()
        self._show_standby()

    # The task that looks for reported tokens.

    def search_leaks(self) -> None:
        """Look for the tokens that wait, and report which keys were found."""
        if self._desk:
            self._desk.search(self.workspace)

    def finish_leaks(self) -> None:
        """Let what waits be looked for once more, now, and not again."""
        if self._desk:
            self._desk.finish()

    def drop_leaks(self) -> None:
        """Drop the tokens that wait, and take no more."""
        if self._desk:
            self._desk.drop()

    # The task that asks for the leadership, or whether it is still ours.

    def ask(self) -> None:
        """Take the leadership if it is free, or confirm it."""
        self._next_question = self._elapsed + poll_lease(self.workspace.ledger.lease)
        if self.is_leader:
            self._confirm()
            return
        try:
            is_leader = self._leadership.take()
        except KeyplanError as error:
            self._tell_trouble(error)
            return
        self._ports.board.note_answer(self._name)
        if is_leader:
            self._ports.board.change(self._name, is_leader=True, number=self._leadership.number)
            self._tell(WatchNews.LEADING, f"this process leads, with number {self._leadership.number}")
            self._trouble = ""
            self._failures = 0
            self.hurry()
        elif self._trouble != WatchNews.STANDING_BY.value:
            self._trouble = WatchNews.STANDING_BY.value
            self._tell(WatchNews.STANDING_BY, "another process leads; this one stands by")

    def _confirm(self) -> bool:
        """Return whether this process still leads; if not, it stands by from now on."""
        standing = self._leadership.confirm()
        if standing is Standing.HELD:
            self._ports.board.note_answer(self._name)
            return True
        if standing is Standing.NONE:
            return False
        self._ports.board.count_loss(self._name)
        self._show_standby()
        self._next_question = self._elapsed
        self._tell(
            WatchNews.LEADERSHIP_LOST, "the leadership is lost: its lease was not renewed in time", is_error=True
        )
        return False

    def _show_standby(self) -> None:
        # Another process shows them: of two that show one key, one would be out of date.
        self._ports.board.show(self._name, ())
        self._ports.board.change(self._name, is_leader=False, number=0, next_at=None, left=0)

    def _tell_trouble(self, error: KeyplanError) -> None:
        if error.message != self._trouble:
            self._trouble = error.message
            self._tell(WatchNews.FAILED, error.message, is_error=True, advice=error.advice)

    # The task that looks and applies.

    def go_round(self) -> None:
        """Look at the manifest's keys, apply what is allowed, and plan the next round."""
        if not self._confirm():
            return
        begun = self._elapsed
        # Until the end says otherwise: a round that is broken off must not leave the next one unplanned.
        self._next_round = begun + self._every
        try:
            self._look_and_apply()
        except LedgerLockedError as error:
            self._next_round = self._elapsed + WAIT_FOR_LOCK
            self._tell(WatchNews.WAITING, error.message)
        except KeyplanError as error:
            self._fail(error, is_apply=False)
        finally:
            self._show_round(begun)

    def fail_unforeseen(self, bug: KeyplanError) -> None:
        """Take a bug that ended a task, and go on with the next round later."""
        self._fail(bug, is_apply=False)
        self._show_next()

    def _look_and_apply(self) -> None:
        inspection = look(self._ports.context, self.workspace)
        self._show(inspection)
        if self._ports.context.stop.requested() is not None or not has_work(inspection.plan, self._settings.selected):
            self._succeed(inspection, WatchNews.PLANNED, self._summarize(inspection))
            return
        try:
            report = apply_round(self._ports.context, self.workspace, self._followed_settings())
        except LedgerLockedError:
            raise
        except KeyplanError:
            self._ports.board.count(self._name, "applies", ApplyResult.ERROR)
            raise
        if report:
            self._count(report)
            if not is_complete(report) and report.interrupted_by is None:
                self._fail(_describe_failure(report), is_apply=True)
                return
        if self._ports.context.stop.requested() is None:
            # The metrics and the next deadline are those of the world as it is now.
            inspection = look(self._ports.context, self.workspace)
            self._show(inspection)
        told = summarize_reports([report]) if report else self._summarize(inspection)
        self._succeed(inspection, WatchNews.APPLIED if report else WatchNews.PLANNED, told)

    def _summarize(self, inspection: Inspection) -> str:
        left = len(select(inspection.plan, self._settings.selected).left)
        told = summarize_plans([inspection.plan])
        return f"{told} {left} left for a reviewed apply." if left else told

    def _followed_settings(self) -> RoundSettings:
        task = f"round of {self._name}"

        @contextmanager
        def follow() -> Iterator[Follow]:
            with self._settings.follow() as inner:
                yield lambda plan: BeatingFollower(self._ports.board, task, inner(plan))

        return RoundSettings(selected=self._settings.selected, parallelism=self._settings.parallelism, follow=follow)

    def _succeed(self, inspection: Inspection, news: WatchNews, message: str) -> None:
        ports = self._ports
        delay = delay_round(self._every, inspection.calendar, now=ports.context.wiring.clock.now(), jitter=ports.jitter)
        if any(action.blocked and action.blocked.guard is Guard.BUSY for action in inspection.plan.actions):
            # Another run is at work there, and may be over in a moment, or dead.
            delay = min(delay, SHORTEST_EVERY)
        self._next_round = self._elapsed + delay
        self._failures = 0
        ports.notices.note(self._name, inspection.drift)
        ports.board.change(self._name, succeeded_at=ports.context.wiring.clock.now())
        ports.board.count(self._name, "rounds", RoundResult.SUCCESS)
        self._tell(news, message)

    def _fail(self, error: KeyplanError, *, is_apply: bool) -> None:
        self._failures += 1
        delay = delay_after_failure(self._failures, self._every, is_apply=is_apply, jitter=self._ports.jitter)
        self._next_round = self._elapsed + delay
        self._ports.board.count(self._name, "rounds", RoundResult.FAILURE)
        self._tell(WatchNews.FAILED, error.message, is_error=True, advice=error.advice)
        self._ports.notices.fail(self._name, error, failures=self._failures)

    # What others see of it.

    def _show(self, inspection: Inspection) -> None:
        left = len(select(inspection.plan, self._settings.selected).left)
        self._ports.board.change(self._name, left=left)
        # A process that lost the leadership meanwhile shows nothing any longer.
        if self.is_leader:
            self._ports.board.show(self._name, measure_inspection(inspection))

    def _show_round(self, begun: timedelta) -> None:
        self._ports.board.ended_at = self._ports.context.wiring.clock.now()
        self._ports.board.change(self._name, duration_seconds=(self._elapsed - begun).total_seconds())
        self._show_next()

    def _show_next(self) -> None:
        until = max(_AT_ONCE, self._next_round - self._elapsed)
        next_at = self._ports.context.wiring.clock.now() + until if self.is_leader else None
        self._ports.board.change(self._name, failures=self._failures, next_at=next_at)

    def _count(self, report: Report) -> None:
        board = self._ports.board
        result = ApplyResult.COMPLETE if is_complete(report) else ApplyResult.INCOMPLETE
        board.count(self._name, "applies", result)
        board.count(self._name, "actions", *((one.action.verb, _RESULTS[type(one)]) for one in report.outcomes))

    def _tell(self, news: WatchNews, message: str, *, is_error: bool = False, advice: str = "") -> None:
        self._ports.tell(WatchEvent(news=news, message=message, manifest=self._name, is_error=is_error, advice=advice))

    @property
    def _elapsed(self) -> timedelta:
        return self._ports.context.wiring.clock.elapsed()


def _describe_failure(report: Report) -> KeyplanError:
    """Return what is wrong with an apply of which not everything is done; its events reported each failure."""
    return KeyplanError(summarize_reports([report]), advice="the next round finishes it; the events above say why")


def _locate(workspace: Workspace) -> object:
    """Return what decides which lock stands for the leadership."""
    manifest = workspace.manifest
    return workspace.ledger_id, workspace.ledger.lease, manifest.lineage, manifest.providers
