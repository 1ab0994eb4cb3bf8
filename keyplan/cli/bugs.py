"""A failure that nobody foresaw, told without what its exception says: that could quote a secret.

In: an exception. Out: its class and the places it came through. Never: its message, an argument, a local variable.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from keyplan.errors import KeyplanError


def describe_bug(error: Exception) -> KeyplanError:
    """Return an error for the user, with the class of the exception and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {_name(frames[-1])}" if frames else ""
    return KeyplanError(
        f"this is a bug in keyplan: {type(error).__name__}{place}",
        advice="please report it; KEYPLAN_DEBUG=1 shows the way to it",
    )


def describe_way(error: Exception) -> str:
    """Return the calls that led to an exception, outermost first, and the same for what caused it."""
    return "\n".join(line for one in _chain(error) for line in _describe(one))


def _chain(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _chain(cause)
    yield error


def _describe(error: BaseException) -> Iterator[str]:
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {_name(frame)} in {frame.name}"
    yield type(error).__name__


def _name(frame: traceback.FrameSummary) -> str:
    return f"{frame.filename}:{frame.lineno}"
