"""Bounds an exchange with a server as a whole: its time from the request to the last byte of the answer, and its size.

A client's own timeouts restart with each read, so a server that sends a byte a minute, or 1xx answers without end,
would hold keyplan for ever. Here each read gets what is left of one allowance, whatever client reads.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""Of a body, decoded. The largest that are expected have less than 4 MiB: pages of secrets with their notes."""
_MARKS: Final = (b",", b"[", b"{", b"<")
"""What stands before each value of JSON, and before each element of XML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeLimits:
    """What one exchange may take."""

    seconds: float = 50.0
    """From the request's first byte to the answer's last. Below a minute, so that the run as a whole ends within it."""
    wire_bytes: int = MAX_ANSWER_BYTES + 1024 * 1024
    """Of everything that the server sends: 1xx answers, headers, body and its framing."""
    status_lines: int = 1_000
    """Of 1xx answers before the one that counts: to read millions of them takes most of the time on a busy machine."""
    marks: int = 500_000
    """Values of JSON or elements of XML. A list of three bytes takes 64 in memory, so bytes alone do not bound it."""


class ExchangeLimitError(TimeoutError):
    """An exchange took more than it may."""

    # A timeout for every client: none of them goes on reading, and each of them passes it on as the cause of its own.

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        """One line that quotes nothing of what was sent or received."""


class Allowance:
    """What is left to one exchange. A connection has one, which restarts with each request."""

    def __init__(self, limits: ExchangeLimits | None = None) -> None:
        self._limits = limits or ExchangeLimits()
        self._deadline = 0.0
        self._bytes = 0
        self._marks = 0
        self._uncounted: list[bytes] = []
        """What was received before there can be too many marks in it."""
        self._status_lines = 0
        self.restart()

    def restart(self) -> None:
        """Begin an exchange."""
        self._deadline = time.monotonic() + self._limits.seconds
        self._bytes = self._marks = self._status_lines = 0
        self._uncounted = []

    def bound(self, timeout: float | None) -> float:
        """Return a timeout, cut to what is left. Raises ExchangeLimitError if nothing is."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self.expired()
        return left if timeout is None else min(timeout, left)

    def take(self, received: bytes) -> None:
        """Count what a read returned. Raises ExchangeLimitError if it is too much."""
        self._bytes += len(received)
        if self._bytes > self._limits.wire_bytes:
            raise ExchangeLimitError(f"the answer is larger than {self._limits.wire_bytes} bytes")
        self._status_lines += received.count(b"HTTP/1.")
        if self._status_lines > self._limits.status_lines:
            raise ExchangeLimitError(f"the server sent more than {self._limits.status_lines} answers to one request")
        # An answer has fewer marks than bytes: those of a usual page, 60 us of work, are never counted.
        self._uncounted.append(received)
        if self._bytes > self._limits.marks:
            self._marks += sum(map(count_marks, self._uncounted))
            self._uncounted = []
            check_marks(self._marks, self._limits)

    def expired(self) -> ExchangeLimitError:
        """Return the error for a deadline that has passed."""
        return ExchangeLimitError(f"no whole answer within {self._limits.seconds:g} s")

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed, so that a timeout is about it."""
        return time.monotonic() >= self._deadline


def count_marks(received: bytes) -> int:
    """Return how many values of JSON or elements of XML a part of an answer has at most."""
    return sum(received.count(mark) for mark in _MARKS)


def check_marks(number: int, limits: ExchangeLimits) -> None:
    """Raise ExchangeLimitError if an answer has too many values to be parsed."""
    if number > limits.marks:
        raise ExchangeLimitError(f"the answer has more than {limits.marks} values")
