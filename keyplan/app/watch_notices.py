"""Notices about a watch: sent when something new has to be said, not at every round.

A notice that does not arrive is reported in the log, and changes nothing else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from threading import Lock

from keyplan.app.leadership import COMMAND
from keyplan.app.notifications import NoticeSender
from keyplan.errors import KeyplanError
from keyplan.model.drift import Drift
from keyplan.model.leak_report import ReportedLeak
from keyplan.renderers.machine.notice import FailedManifest, LeakedKeys

_FAILURES_TO_TELL = 3
"""A single failure is often over with the next try."""
_LEAKS_REMEMBERED = 10_000


class WatchNotices:
    """Sends a notice about a manifest when its findings are others than those of the last notice. Safe for threads."""

    def __init__(self, sender: NoticeSender) -> None:
        self._sender = sender
        self._turn = Lock()
        self._told: dict[str, Hashable] = {}
        self._leaks = OrderedDict[Hashable, None]()
        """Which key was reported as seen where: a scanner sends the same report again, and so may a stranger."""

    def note(self, manifest: str, drift: Drift) -> None:
        """Take what a round found, and send it if it is new."""
        found = frozenset((one.cause, one.address, one.key_id, one.guard) for one in drift.alarms)
        if self._is_new(manifest, found):
            self._sender.tell([drift], [], command=COMMAND)

    def fail(self, manifest: str, error: KeyplanError, *, failures: int) -> None:
        """Take the error of a round, the nth in a row; it is sent once it lasts."""
        if failures >= _FAILURES_TO_TELL and self._is_new(manifest, type(error).__name__):
            self._sender.tell([], [FailedManifest(manifest=manifest, error=error)], command=COMMAND)

    def tell_leaks(self, manifest: str, owner: str, keys: Sequence[ReportedLeak]) -> None:
        """Take keys that were reported as leaked, and send those that were not sent with these places before."""
        new = tuple(one for one in keys if self._is_new_leak((manifest, one.leaked.key.id, one.sightings)))
        if new:
            self._sender.tell_leaks(LeakedKeys(manifest=manifest, owner=owner, keys=new), command=COMMAND)

    def _is_new_leak(self, leak: Hashable) -> bool:
        with self._turn:
            is_new = leak not in self._leaks
            self._leaks[leak] = None
            if len(self._leaks) > _LEAKS_REMEMBERED:
                self._leaks.popitem(last=False)
            return is_new

    def _is_new(self, manifest: str, state: Hashable) -> bool:
        with self._turn:
            # At the start no notice was sent, which means that all is well.
            is_new = self._told.get(manifest, frozenset()) != state
            self._told[manifest] = state
            return is_new
