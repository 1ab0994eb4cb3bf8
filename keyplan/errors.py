"""The tree of keyplan's errors, with the exit status of each class.

    KeyplanError                     1   a bug, or an unexpected failure
    +-- InputError                   3   manifest, plan file or options are wrong
    |   +-- ManifestError            3   a manifest or policy file, with all problems and their places
    |   +-- PlanFileError            3   unreadable, or not a plan
    +-- RefusedError                 4   a guard, a missing approval
    |   +-- PlanStaleError           4   the current plan differs from the reviewed one
    |   +-- PlanSpentError           4   the plan was applied before
    +-- ProviderError                5
    |   +-- ProviderDeniedError      5   401, 403: the credential is wrong or too weak
    |   +-- ProviderRefusedError     5   the request reached the server, which did nothing
    |   +-- ProviderUnavailableError 5   nothing was sent, or a repeatable request kept failing
    |   +-- InDoubtError             5   a create or refresh may have happened
    +-- SinkError                    6
    |   +-- SinkDeniedError          6   rights, another owner, refused path
    |   +-- SinkUnavailableError     6   unreachable, full, broken
    |       +-- SinkPausedError      6   throttled for longer than keyplan waits, or sealed
    +-- LedgerError                  7
    |   +-- LedgerLockedError        7   another apply holds the lock
    |   +-- LedgerForeignError       7   belongs to another owner, manifest or account
    |   +-- LedgerUntrustedError     7   others can write it, so that it proves nothing
    |   +-- LedgerDamagedError       7   unusable: to be set aside and rebuilt
    +-- NotificationError        1   a notice did not arrive; the run itself is not affected
    +-- InterruptedRunError    130/143   SIGINT / SIGTERM

Callers decide by class or field, never by the text of a message. No message may quote a secret; if the cause could, it
is dropped with ``from None``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class KeyplanError(Exception):
    """A failure that the user sees as one line, with what to do next."""

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        """What happened and where, one line, without a final full stop."""
        self.advice = advice
        """What to do next; empty if nothing useful is known."""


class InputError(KeyplanError):
    """An input of the user cannot be used: a manifest, a plan file, an option, an address."""

    exit_status = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem in a file that the user wrote, and its place."""

    file: str
    """As the user named it."""
    line: int
    """From 1."""
    column: int
    """From 1."""
    message: str
    """One visible line, without a final full stop."""
    rule: str = "manifest/invalid"
    """A stable id of the kind of problem, for programs: ``manifest/duplicate``, ``policy/max_age``."""
    subject: str = ""
    """The address that it is about; empty if it is about the file."""
    advice: str = ""
    """What to do about it; empty if the message says so."""

    def __str__(self) -> str:
        about = f"{self.subject}: " if self.subject else ""
        what_to_do = f"; {self.advice}" if self.advice else ""
        return f"{self.file}:{self.line}:{self.column}: {about}{self.message}{what_to_do}"


class ManifestError(InputError):
    """A manifest or a policy file has problems; all of them are listed, in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class PlanFileError(InputError):
    """A plan file is unreadable, of another major format version, or not a plan."""


class RefusedError(KeyplanError):
    """keyplan refuses to act: a guard applies, or an approval is missing."""

    exit_status = 4


class PlanStaleError(RefusedError):
    """The current plan has other actions than the plan that was reviewed."""


class PlanSpentError(RefusedError):
    """The plan was applied before; a plan runs once."""


class ProviderError(KeyplanError):
    """The provider of the keys failed or refused."""

    exit_status = 5


class ProviderDeniedError(ProviderError):
    """The credential is not accepted (401) or may not do this (403). Nothing happened."""


class ProviderRefusedError(ProviderError):
    """The server refused the request and did nothing (a 3xx or 4xx other than 401, 403 and 429)."""

    def __init__(self, message: str, *, status: int, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.status = status
        """HTTP status of the refusal."""


class ProviderUnavailableError(ProviderError):
    """The provider cannot be reached or kept failing; nothing was created or refreshed."""


class InDoubtError(ProviderError):
    """A create or refresh may have happened: its complete answer did not arrive."""


class SinkError(KeyplanError):
    """A secret sink failed or refused."""

    exit_status = 6


class SinkDeniedError(SinkError):
    """The sink may not be written: missing rights, another owner's object, or a refused place."""


class SinkUnavailableError(SinkError):
    """The sink cannot be reached, is full, or is broken."""


class SinkPausedError(SinkUnavailableError):
    """The sink takes nothing for now, and trying again within seconds does not help.

    It throttles for longer than keyplan waits, or it is sealed. It may have stored a part of what it was sent before.
    """


class SinkBusyError(SinkError):
    """Another run changed the place since the plan, or is about to; nothing was written there."""

    exit_status = 4


class LedgerError(KeyplanError):
    """The ledger cannot be read or written."""

    exit_status = 7


class LedgerLockedError(LedgerError):
    """Another apply holds the lock."""


class LeaseLostError(LedgerError):
    """The lock of this run has lapsed or was broken, and another run may have it: nothing more may be written."""


class LedgerForeignError(LedgerError):
    """The ledger belongs to another owner, another manifest or another account."""


class LedgerUntrustedError(LedgerError):
    """The ledger is where others can write it, or git tracks it: it is neither read nor written."""


class LedgerDamagedError(LedgerError):
    """The ledger exists and cannot be used; a new one can be built from the sinks' receipts."""


class NotificationError(KeyplanError):
    """A notice did not arrive. The message names only scheme and host of its target: the rest may be a secret."""


class BugError(KeyplanError):
    """An unexpected failure: a bug of keyplan, or of a plugin that the message names."""

    def __init__(self, message: str, *, advice: str, trace: str) -> None:
        super().__init__(message, advice=advice)
        self.trace = trace
        """The calls that led to it, without any value; several lines."""


class InterruptedRunError(KeyplanError):
    """A signal stopped the run; actions that had begun are finished, or their intents are in the ledger."""

    def __init__(self, message: str, *, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number
        """SIGINT (2) or SIGTERM (15); the exit status is 128 plus it."""
