"""A rate limit: a bucket that fills at a steady rate and gives one token to each request.

In: a rate and a steady clock. Out: a pass, or the seconds until there is one. Never: waiting.
"""

from __future__ import annotations

from collections.abc import Callable


class Bucket:
    """Holds one second's worth of requests, at least one."""

    def __init__(self, rate: float, steady_now: Callable[[], float]) -> None:
        self._rate = rate
        self._capacity = max(1.0, rate)
        self._steady_now = steady_now
        self._tokens = self._capacity
        self._filled_at = steady_now()

    def wait(self) -> float:
        """Take a token and return 0, or take none and return the seconds until there is one."""
        now = self._steady_now()
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate
