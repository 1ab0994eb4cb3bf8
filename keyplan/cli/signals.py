"""Turns signals into a request to stop: the first lets what is under way finish, the second ends the run at once.

An apply must not end between the creation of a raw key and its delivery because a terminal was closed.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NOTICE = "\nstopping: what is under way is finished first; interrupt once more to stop at once\n"


class Interrupts:
    """Implements `Stop`. Outside `patiently` every signal ends the run at once."""

    def __init__(self, notify: Callable[[str], object]) -> None:
        self._notify = notify
        self._is_patient = False
        self._is_service = False
        self._is_reload_wanted = False
        self._first: int | None = None

    def requested(self) -> int | None:
        """Return the number of the first signal; None while there was none."""
        return self._first

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Listen to signals inside the block; those that the process was started to ignore stay ignored."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread may listen; a library's caller has its own ways
            return
        heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        former = {number: signal.signal(number, self._receive) for number in heard}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """Only note the first signal inside the block, so that what is under way can be finished."""
        self._is_patient = True
        try:
            yield
        finally:
            self._is_patient = False

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Like `patiently`, for a service: SIGHUP asks it to read its files again, and nothing is written to stderr."""
        self._is_service = True
        try:
            with self.patiently():
                yield
        finally:
            self._is_service = False

    def takes_reload(self) -> bool:
        """Return whether SIGHUP came since the last call."""
        wanted, self._is_reload_wanted = self._is_reload_wanted, False
        return wanted

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self._is_service and number == signal.SIGHUP:
            self._is_reload_wanted = True
            return
        is_first, self._first = self._first is None, self._first or number
        if self._is_patient and is_first:
            if not self._is_service:
                self._notify(_NOTICE)
            return
        raise KeyboardInterrupt
