"""A failure that nobody foresaw, told without what its exception says: that could quote a secret.

In: an exception. Out: its class and the places it came through. Never: its message, an argument, a local variable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from keyplan.errors import KeyplanError

if TYPE_CHECKING:
    from traceback import FrameSummary


def describe_bug(error: Exception) -> KeyplanError:
    """Return an error for the user, with the class of the exception and the line that raised it."""
    frames = _extract(error)
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
    for frame in _extract(error):
        yield f"  {_name(frame)} in {frame.name}"
    yield type(error).__name__


def _extract(error: BaseException) -> list[FrameSummary]:
    import traceback  # noqa: PLC0415 - takes 3 ms of every start, and is for bugs alone

    return traceback.extract_tb(error.__traceback__)


def _name(frame: FrameSummary) -> str:
    return f"{frame.filename}:{frame.lineno}"
