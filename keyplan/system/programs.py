"""Runs a program for a sink: without a shell or a terminal, and within a time limit.

keyplan's own credential must never be in a child's environment, and no part of a raw key in what is shown of its
stderr.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.mask import HIDDEN
from keyplan.model.secret import RawKey

_SHOWN_CHARACTERS = 400
_HIDDEN_LENGTH = 8
"""So many or more consecutive characters of a raw key are hidden; redacted forms show fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The result of a program."""

    status: int
    """Exit status; negative if a signal ended it."""
    out: bytes = field(repr=False)
    """All of stdout: may be secret."""
    complaint: str
    """The beginning of stderr as one line, without any part of the raw key; empty if the program printed none."""


def keep_from_children(environment: Mapping[str, str], variables: Collection[str]) -> dict[str, str]:
    """Return the environment without these variables and without any other variable of the same value."""
    values = {environment[name] for name in variables if environment.get(name)}
    return {name: value for name, value in environment.items() if name not in variables and value not in values}


def run(
    argv: Sequence[str],
    *,
    given: bytes,
    folder: str,
    environment: Mapping[str, str],
    limit: timedelta,
    hides: RawKey | None = None,
) -> Ran:
    """Run a program with `given` as its stdin and return its result; no part of `hides` is in its complaint.

    Raises:
        SinkDeniedError: The program does not exist or may not be run.
        SinkUnavailableError: It did not end within the limit; it and its children are then killed.
    """
    with _start(argv, folder, environment) as process, _killing(process):
        try:
            out, err = process.communicate(given, timeout=limit.total_seconds())
        except subprocess.TimeoutExpired:
            # From None: the exception carries what the program printed so far.
            raise SinkUnavailableError(
                f"'{argv[0]}' did not end within {limit.total_seconds():g} s",
                advice="check what it waits for; a child process that continues must close stdout and stderr",
            ) from None
    return Ran(status=process.returncode, out=out, complaint=_show(err, hides))


def _start(argv: Sequence[str], folder: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        # A new session: the child has no terminal to prompt on, and Ctrl-C reaches keyplan alone, which finishes the
        # delivery before it stops.
        return subprocess.Popen(  # noqa: S603 - the manifest's author names the program; no shell is involved
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "an argument holds a null character"
        raise SinkDeniedError(
            f"'{argv[0]}' cannot be run: {reason}", advice="check that the program exists and may be executed"
        ) from None


@contextmanager
def _killing(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill the program and its children if the block raises."""
    with ExitStack() as undo:
        undo.callback(_kill, process)
        yield
        undo.pop_all()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _show(text: bytes, hides: RawKey | None) -> str:
    # Mask before cutting: a cut through the raw key would leave a part that no longer matches.
    shown = text.decode(errors="replace")
    if hides is not None:
        shown = _mask(shown, hides)
    line = "".join(character if character.isprintable() else " " for character in shown)
    return " ".join(line.split())[:_SHOWN_CHARACTERS]


def _mask(text: str, hides: RawKey) -> str:
    """Return the text with every piece of the raw key hidden that has `_HIDDEN_LENGTH` characters or more."""
    # Pieces, not only the whole: a program may print a truncated or wrapped argument.
    pieces = _cut(hides.reveal())
    length = max(map(len, pieces), default=0)
    shown, hidden_until = [], 0
    for position, character in enumerate(text):
        if text[position : position + length] in pieces:
            shown.append(HIDDEN if position >= hidden_until else "")
            hidden_until = position + length
        if position >= hidden_until:
            shown.append(character)
    return "".join(shown)


def _cut(secret: str) -> frozenset[str]:
    """Return all pieces of `_HIDDEN_LENGTH` characters; a shorter secret as a whole."""
    length = min(_HIDDEN_LENGTH, len(secret))
    return frozenset(secret[start : start + length] for start in range(len(secret) - length + 1)) - {""}
