"""Every way in which keyplan fails, drawn as one tree.

    KeyplanError                     1   a bug, or something nobody foresaw
    +-- InputError                   3   manifest, plan file or options are wrong
    |   +-- ManifestError            3   of a manifest or a policy file, with every problem and its place
    |   +-- PlanFileError            3
    +-- RefusedError                 4   a guard, a missing approval
    |   +-- PlanStaleError           4
    |   +-- PlanSpentError           4
    +-- ProviderError                5
    |   +-- ProviderDeniedError      5   401, 403: the credential is wrong or too weak
    |   +-- ProviderRefusedError     5   the request reached the server, which did nothing
    |   +-- ProviderUnavailableError 5   nothing was sent, or a repeatable request kept failing
    |   +-- InDoubtError             5   an effect may have happened, nobody knows
    +-- SinkError                    6
    |   +-- SinkDeniedError          6   rights, foreign owner, refused path
    |   +-- SinkUnavailableError     6   unreachable, full, broken
    +-- LedgerError                  7
    |   +-- LedgerLockedError        7
    |   +-- LedgerForeignError       7   belongs to another owner or account
    |   +-- LedgerDamagedError       7   makes no sense: to be set aside and rebuilt
    +-- NotificationError        1   a message reached nobody; what it was about is done all the same
    +-- InterruptedRunError    130/143   SIGINT / SIGTERM

Callers decide by class or field, never by the text of a message. No message ever quotes a
secret: whoever raises one of these chains the cause with ``from None`` where the cause could.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class KeyplanError(Exception):
    """A failure that a user is told about in one line, with what to do next."""

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        """What is wrong and where, one line, without a final full stop."""
        self.advice = advice
        """What to do next; empty where nothing useful is known."""


class InputError(KeyplanError):
    """What the user gave cannot be used: a manifest, a plan file, an option, an address."""

    exit_status = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a file which somebody wrote, and where."""

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
    """The address that it is about; empty where that is the file."""
    advice: str = ""
    """What to do about it; empty where the message says so."""

    def __str__(self) -> str:
        about = f"{self.subject}: " if self.subject else ""
        what_to_do = f"; {self.advice}" if self.advice else ""
        return f"{self.file}:{self.line}:{self.column}: {about}{self.message}{what_to_do}"


class ManifestError(InputError):
    """A manifest or a policy file has problems; all of them are listed."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Take problems in file order."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class PlanFileError(InputError):
    """A plan file is unreadable, of another major format version, or not a plan."""


class RefusedError(KeyplanError):
    """keyplan could, but will not: a guard, an approval that is missing."""

    exit_status = 4


class PlanStaleError(RefusedError):
    """Planning again gives other actions than the plan that was reviewed."""


class PlanSpentError(RefusedError):
    """The plan has been applied before."""


class ProviderError(KeyplanError):
    """The provider of the keys failed or refused."""

    exit_status = 5


class ProviderDeniedError(ProviderError):
    """The credential is not accepted (401) or may not do this (403). Nothing happened."""


class ProviderRefusedError(ProviderError):
    """The server answered that it did nothing (a 4xx other than 401 and 403)."""

    def __init__(self, message: str, *, status: int, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.status = status
        """HTTP status of the refusal."""


class ProviderUnavailableError(ProviderError):
    """The provider cannot be reached or kept failing; certainly nothing was changed."""


class InDoubtError(ProviderError):
    """A create or refresh may or may not have happened: its answer never arrived whole."""


class SinkError(KeyplanError):
    """A secret sink failed or refused."""

    exit_status = 6


class SinkDeniedError(SinkError):
    """The sink may not be written: rights, another owner's object, a refused place."""


class SinkUnavailableError(SinkError):
    """The sink cannot be reached, is full, or is broken."""


class LedgerError(KeyplanError):
    """The ledger cannot be read or written."""

    exit_status = 7


class LedgerLockedError(LedgerError):
    """Another apply holds the lock."""


class LedgerForeignError(LedgerError):
    """The ledger belongs to another owner or another account."""


class LedgerDamagedError(LedgerError):
    """The ledger is there and makes no sense; a new one can be built from the sinks' receipts."""


class NotificationError(KeyplanError):
    """A message reached nobody. Its target is named by scheme and host alone: the rest of the URL may be a secret."""


class InterruptedRunError(KeyplanError):
    """The run was told to stop; what was under way has been finished or is journalled."""

    def __init__(self, message: str, *, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number
        """SIGINT (2) or SIGTERM (15); the exit status is 128 plus it."""
