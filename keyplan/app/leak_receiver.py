"""Takes signed reports of leaked keys over HTTP, and hands them to the manifests whose accounts are searched.

Nothing of a message is parsed before its signature is checked. No answer says more than whether it was taken.

Source: docs.github.com, "Secret scanning partner program".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from keyplan.app.context import RunContext
from keyplan.app.files import read_input
from keyplan.documents.leak_reports import read_reports
from keyplan.errors import InputError
from keyplan.model.leak_report import LeakMessage, ReportFate
from keyplan.model.watch import WatchEvent, WatchNews
from keyplan.net.probes import Intake, Intakes, PostedMessage, ProbePage
from keyplan.renderers.words import format_count
from keyplan.system.optional import importing

if TYPE_CHECKING:
    from keyplan.net.report_signatures import ReportKeys

PATH = "/leaks/github"
EXTRA = "leak-reports"
MOST_BYTES = 4 * 1024 * 1024
"""Of a message; ten thousand reports have about 2 MiB."""
_REFUSALS_TOLD_EVERY = timedelta(minutes=1)
"""Strangers can send any number of messages, and each line of a log costs."""
_KEYS_URL = "https://api.github.com/meta/public_keys/secret_scanning"


class ReportDesk(Protocol):
    """Where the reports for one manifest wait."""

    def put(self, message: LeakMessage) -> bool:
        """Take a message; false if too much waits already."""
        ...


class LeakReceiver:
    """Takes messages of secret scanners. Safe for threads."""

    def __init__(self, file: Path, context: RunContext, tell: Callable[[WatchEvent], None]) -> None:
        """Read the public keys in a file.

        Raises InputError if it cannot be read, holds no public key, or the extra that checks signatures is missing.
        """
        self._file, self._context, self._tell = file, context, tell
        self._turn = Lock()
        self._desks: list[ReportDesk] = []
        self._counts = Counter[ReportFate]()
        self._is_closed = False
        self._refusal_told_at: timedelta | None = None
        self._keys = self._load_keys()

    # For the watch.

    def read_keys(self) -> None:
        """Read the public keys again; those from before stay if that is impossible."""
        try:
            self._keys = self._load_keys()
        except InputError as error:
            event = WatchEvent(news=WatchNews.UNREADABLE, message=error.message, is_error=True, advice=error.advice)
            self._tell(event)

    def join(self, desk: ReportDesk) -> None:
        """Hand messages to this desk, too, from now on."""
        with self._turn:
            self._desks.append(desk)

    def leave(self, desk: ReportDesk) -> None:
        """Hand no more messages to this desk."""
        with self._turn:
            self._desks = [one for one in self._desks if one is not desk]

    def close(self) -> None:
        """Take no more messages."""
        with self._turn:
            self._is_closed = True

    # For the server.

    def list_intakes(self) -> Intakes:
        """Return what takes messages, by path."""
        refuse = self._count_invalid
        return {PATH: Intake(take=self.receive, most_bytes=MOST_BYTES, note_refusal=refuse)}

    def counts(self) -> Mapping[ReportFate, int]:
        """Return what became of the messages so far, zeros included."""
        with self._turn:
            return {fate: self._counts[fate] for fate in ReportFate}

    def receive(self, posted: PostedMessage) -> ProbePage:
        """Take a message, and return what to answer; its tokens are looked for by another thread."""
        identifier = posted.header("Github-Public-Key-Identifier")
        signature = posted.header("Github-Public-Key-Signature")
        keys = self._keys
        if not keys.is_signed(posted.body, identifier=identifier, signature=signature):
            self._tell_refusal(is_known=identifier in keys)
            return self._answer(ReportFate.UNSIGNED, HTTPStatus.FORBIDDEN, "no known key signed this message")
        try:
            message = read_reports(posted.body)
        except InputError as error:
            return self._answer(ReportFate.INVALID, HTTPStatus.BAD_REQUEST, error.message)
        if not self._hand_out(message):
            return self._answer(ReportFate.BUSY, HTTPStatus.SERVICE_UNAVAILABLE, "try again later")
        return self._answer(ReportFate.ACCEPTED, HTTPStatus.ACCEPTED, "accepted")

    def _hand_out(self, message: LeakMessage) -> bool:
        """Return whether every manifest takes the message: if it comes again, what was found is only found again."""
        with self._turn:
            taken = [desk.put(message) for desk in self._desks] if not self._is_closed else []
        return bool(taken) and all(taken)

    def _answer(self, fate: ReportFate, status: HTTPStatus, text: str) -> ProbePage:
        with self._turn:
            self._counts[fate] += 1
        return ProbePage(text=f"{text}\n", status=status)

    def _count_invalid(self) -> None:
        with self._turn:
            self._counts[ReportFate.INVALID] += 1

    def _tell_refusal(self, *, is_known: bool) -> None:
        now = self._context.wiring.clock.elapsed()
        with self._turn:
            if self._refusal_told_at is not None and now - self._refusal_told_at < _REFUSALS_TOLD_EVERY:
                return
            self._refusal_told_at = now
        why = "its signature does not fit it" if is_known else f"no key in {self._file} has its identifier"
        advice = "" if is_known else f"if GitHub has a new key, download {_KEYS_URL} to the file and send SIGHUP"
        message = f"a report of leaked keys was refused: {why}"
        self._tell(WatchEvent(news=WatchNews.REPORT_REFUSED, message=message, is_error=True, advice=advice))

    def _load_keys(self) -> ReportKeys:
        with importing(EXTRA):
            from keyplan.net.report_signatures import ReportKeys  # noqa: PLC0415 - needs the extra
        file = read_input(str(self._file), self._context, if_missing=f"download {_KEYS_URL} to it")
        keys = ReportKeys.read(file.content, file.name)
        signers = format_count(len(keys), "public key")
        message = f"taking reports of leaked keys at {PATH}, signed with one of {signers}"
        self._tell(WatchEvent(news=WatchNews.REPORTS_TAKEN, message=message))
        return keys
