"""Leadership: of all processes that watch one manifest, one holds the lock `WATCH` of its ledger, and leads.

It does not protect keys: every apply takes the lock `APPLY` as well. It spares the provider the looks of all others.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from enum import Enum
from threading import RLock

from keyplan.app.wiring import Wiring
from keyplan.app.workspace import Workspace, open_ledger
from keyplan.errors import KeyplanError, LedgerLockedError
from keyplan.model.ledger import LockName
from keyplan.ports import Lease, Ledger

COMMAND = "watch"
"""What others see who ask for the holder of a lock."""
_AT_ONCE = timedelta(0)


class Standing(Enum):
    """What a process finds when it asks whether it still leads."""

    HELD = "held"
    LOST = "lost"
    """It led until now. It stands by from now on."""
    NONE = "none"
    """It did not lead."""


class Leadership:
    """The place of one process among those that watch a manifest. Safe for threads."""

    def __init__(self, wiring: Wiring, workspace: Workspace) -> None:
        self._wiring = wiring
        self._workspace = workspace
        self._opened = ExitStack()
        self._ledger: Ledger | None = None
        self._held = ExitStack()
        self._lease: Lease | None = None
        self._turn = RLock()

    @property
    def is_held(self) -> bool:
        """Whether this process led when it last asked."""
        return self._lease is not None

    @property
    def number(self) -> int:
        """The fencing number of the leadership; 0 without one."""
        lease = self._lease
        return lease.holder.number if lease else 0

    def take(self) -> bool:
        """Return whether this process leads from now on; asks once and waits for no other.

        Raises InputError, ProviderError and LedgerError; the next call opens the ledger again.
        """
        with self._turn:
            try:
                lock = self._open().lock(
                    self._wiring.holder(COMMAND),
                    patience=_AT_ONCE,
                    lease=self._workspace.ledger.lease,
                    name=LockName.WATCH,
                )
                self._lease = self._held.enter_context(lock)
            except LedgerLockedError:
                return False
            except KeyplanError:
                self._close()
                raise
            return True

    def confirm(self) -> Standing:
        """Return whether this process certainly still leads. In doubt it does not. A loss is reported once."""
        with self._turn:
            if self._lease is None:
                return Standing.NONE
            try:
                self._lease.check()
            except KeyplanError:
                self.leave()
                return Standing.LOST
            return Standing.HELD

    def leave(self) -> None:
        """Give the leadership up, if this process has it, so that another takes it at once."""
        with self._turn:
            self._lease = None
            self._held.close()
            self._close()

    def _open(self) -> Ledger:
        # Kept open: a process that stands by asks again and again.
        if self._ledger is None:
            self._ledger = self._opened.enter_context(open_ledger(self._wiring, self._workspace))
        return self._ledger

    def _close(self) -> None:
        self._ledger = None
        self._opened.close()
