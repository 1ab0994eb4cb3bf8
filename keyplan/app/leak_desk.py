"""The reported tokens that wait to be looked for in the account of one manifest, and the search for them.

A search changes nothing. Tokens are kept until they were looked for, and no longer; no token is ever shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from threading import Lock

from keyplan.app.leak import find_leak, look_everywhere
from keyplan.app.leak_receiver import LeakReceiver
from keyplan.app.pace import DEFAULT_EVERY, delay_after_failure
from keyplan.app.watch_ports import WatchPorts
from keyplan.app.workspace import Workspace
from keyplan.errors import KeyplanError
from keyplan.model.leak import Leak
from keyplan.model.leak_report import (
    LeakMessage,
    LeakReport,
    ReportedLeak,
    SearchResult,
    find_sightings,
    hidden_tokens,
    join_tokens,
)
from keyplan.model.leaked_text import MOST_BYTES
from keyplan.model.watch import WatchEvent, WatchNews
from keyplan.renderers.reported_leaks import advise_on_leak, describe_reported_leak
from keyplan.renderers.words import format_count

_MOST_WAITING_BYTES = 16 * 1024 * 1024
_MOST_WAITING = 256
_MOST_WAITING_REPORTS = 100_000
"""A report of a few bytes takes some hundred in memory."""
_MOST_TRIES = 8
"""In about ten minutes: a message is acknowledged when it is taken, and its sender does not send it again."""
_LOST_ADVICE = "give what was reported to keyplan leak; the scanner's own page lists it"


class LeakDesk:
    """Implements `ReportDesk` for one manifest. Messages come in threads of requests, searches run one at a time."""

    def __init__(self, manifest: str, ports: WatchPorts, receiver: LeakReceiver) -> None:
        self._manifest = manifest
        self._ports = ports
        self._receiver = receiver
        self._turn = Lock()
        self._waiting = deque[LeakMessage]()
        self._failures = 0
        self._next_try = timedelta(0)
        self._is_last_try = False
        receiver.join(self)

    def put(self, message: LeakMessage) -> bool:
        """Take a message; false if too much waits already."""
        with self._turn:
            waiting = [message, *self._waiting]
            is_too_large = sum(one.size for one in waiting) > _MOST_WAITING_BYTES
            is_too_many = sum(len(one.reports) for one in waiting) > _MOST_WAITING_REPORTS
            if is_too_large or is_too_many or len(waiting) > _MOST_WAITING:
                return False
            self._waiting.append(message)
            return True

    def is_due(self) -> bool:
        """Whether there is something to look for now."""
        with self._turn:
            return bool(self._waiting) and (self._is_last_try or self._elapsed >= self._next_try)

    def finish(self) -> None:
        """Take no more; what waits is looked for once more, now, and not again."""
        self._receiver.leave(self)
        self._is_last_try = True

    def drop(self) -> None:
        """Take no more tokens, and drop those that wait."""
        self.finish()
        with self._turn:
            left, self._waiting = [*self._waiting], deque()
        if left:
            self._lose(left, "its manifest is not watched any longer")

    def search(self, workspace: Workspace) -> None:
        """Look for the tokens that wait, and report which keys were found; a failure is reported and tried again."""
        batch = self._take_batch()
        is_settled = False
        try:
            self._look(workspace, batch)
            is_settled = True
        except KeyplanError as error:
            is_settled = True
            self._fail(batch, error)
        finally:
            if not is_settled:
                self._lose(batch, "the search broke off")

    def _take_batch(self) -> Sequence[LeakMessage]:
        """Return as many messages as one search takes: a flood of them lists the account no more often than that.

        After a failure it is one, so that a message that cannot be searched stops no other.
        """
        batch, size = list[LeakMessage](), 0
        with self._turn:
            while self._waiting and size + self._waiting[0].size <= MOST_BYTES and not (batch and self._failures):
                size += self._waiting[0].size
                batch.append(self._waiting.popleft())
        return batch

    def _look(self, workspace: Workspace, batch: Sequence[LeakMessage]) -> None:
        reports = [report for message in batch for report in message.reports]
        with hidden_tokens(reports):
            found = find_leak(self._ports.context, look_everywhere(workspace), join_tokens(reports))
            self._failures = 0
            self._ports.board.count(self._manifest, "leak_searches", SearchResult.SUCCESS)
            self._tell_found(found.leak, reports)

    def _tell_found(self, leak: Leak, reports: Sequence[LeakReport]) -> None:
        found = [
            ReportedLeak(leaked=one, sightings=find_sightings(reports, one.key.redacted or "")) for one in leak.keys
        ]
        for one in found:
            self._ports.board.count(self._manifest, "leaked_keys", one.leaked.standing)
            event = WatchEvent(
                news=WatchNews.KEY_LEAKED,
                message=describe_reported_leak(one),
                manifest=self._manifest,
                is_error=one.leaked.is_live,
                advice=advise_on_leak(one, leak.manifest),
                leak=one,
            )
            self._ports.tell(event)
        self._ports.notices.tell_leaks(leak.manifest, leak.owner, [one for one in found if one.leaked.is_live])
        looked = f"looked for {format_count(len(reports), 'reported token')}"
        self._tell(WatchNews.LEAKS_SEARCHED, f"{looked}: {format_count(len(found), 'key')} found")

    def _fail(self, batch: Sequence[LeakMessage], error: KeyplanError) -> None:
        self._failures += 1
        if self._is_last_try or self._failures >= _MOST_TRIES:
            self._failures = 0
            self._lose(batch, error.message)
            return
        delay = delay_after_failure(self._failures, DEFAULT_EVERY, is_apply=False, jitter=self._ports.jitter)
        self._next_try = self._elapsed + delay
        with self._turn:
            self._waiting.extendleft(reversed(batch))
        self._ports.board.count(self._manifest, "leak_searches", SearchResult.FAILURE)
        message = f"the search for reported tokens failed, and is tried again: {error.message}"
        self._tell(WatchNews.FAILED, message, is_error=True, advice=error.advice)

    def _lose(self, batch: Sequence[LeakMessage], why: str) -> None:
        number = sum(len(message.reports) for message in batch)
        self._ports.board.count(self._manifest, "leak_searches", SearchResult.LOST)
        message = f"{format_count(number, 'reported token')} will not be looked for: {why}"
        self._tell(WatchNews.REPORTS_LOST, message, is_error=True, advice=_LOST_ADVICE)

    def _tell(self, news: WatchNews, message: str, *, is_error: bool = False, advice: str = "") -> None:
        event = WatchEvent(news=news, message=message, manifest=self._manifest, is_error=is_error, advice=advice)
        self._ports.tell(event)

    @property
    def _elapsed(self) -> timedelta:
        return self._ports.context.wiring.clock.elapsed()
