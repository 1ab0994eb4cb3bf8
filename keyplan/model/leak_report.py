"""Reports of leaked secrets, as a secret scanner sends them, and what came of them.

A reported token is a secret of an unknown party: nothing shows it, and it is kept no longer than it is looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from keyplan.model.leak import LeakedKey
from keyplan.model.mask import passing_secrets
from keyplan.model.secret import SuspectedSecret

_SEPARATOR = b" ; "
"""Not a line break: behind one, a wrapped key may go on, and two tokens would be read as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Where a scanner saw a token. All of it is untrusted text of the sender; each may be empty."""

    secret_type: str
    url: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakReport:
    """One token that a scanner reports as leaked."""

    token: SuspectedSecret
    sighting: Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakMessage:
    """What a scanner sent at once."""

    reports: tuple[LeakReport, ...]
    size: int
    """Bytes of the message, which bound those of its tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedLeak:
    """A key that was found for reported tokens."""

    leaked: LeakedKey
    sightings: tuple[Sighting, ...]
    """Those of the tokens that fit the key, each once; none if the key stands in a longer text."""


class ReportFate(Enum):
    """What became of a message of a scanner."""

    ACCEPTED = "accepted"
    UNSIGNED = "unsigned"
    """No known key signed it."""
    INVALID = "invalid"
    """It has another form, or another size."""
    BUSY = "busy"
    """Too many wait already, or no manifest can be asked."""


class SearchResult(Enum):
    """How a search for reported tokens ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    """It is tried again."""
    LOST = "lost"
    """It is not tried again: the tokens were never compared."""


def join_tokens(reports: Iterable[LeakReport]) -> bytes:
    """Return one text in which each token stands for itself."""
    return _SEPARATOR.join([_encode(report.token.reveal()) for report in reports])


def find_sightings(reports: Sequence[LeakReport], redacted: str) -> tuple[Sighting, ...]:
    """Return where the tokens were seen that fit this redacted form, in the order of the reports."""
    return tuple(dict.fromkeys(report.sighting for report in reports if report.token.fits(redacted)))


@contextmanager
def hidden_tokens(reports: Iterable[LeakReport]) -> Iterator[None]:
    """Hide the tokens in all that is written while the block runs; those that may be our keys stay hidden."""
    with passing_secrets() as note:
        for report in reports:
            note(report.token.reveal())
        yield


def _encode(token: str) -> bytes:
    return token.encode("utf-8", "replace")
