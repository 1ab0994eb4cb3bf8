"""An unforeseen exception, described without its message, its arguments and its local values.

Any of those could quote a secret. What is left is enough to report it: whose bug it is, its class, and its calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType, TracebackType

from keyplan.errors import BugError

_OWN = "keyplan"
_GROUPS = ("keyplan.providers", "keyplan.sinks", "keyplan.ledgers")


def describe_bug(error: Exception) -> BugError:
    """Return an error for the user. A plugin's bug is called one of the plugin's package."""
    calls = list(_walk(error.__traceback__))
    place = f" at {_place(*calls[-1])}" if calls else ""
    culprit = _find_culprit(calls)
    recipient = "" if culprit == _OWN else f" to the authors of {culprit}"
    return BugError(
        f"this is a bug in {culprit}: {type(error).__name__}{place}",
        advice=f"please report it{recipient}; KEYPLAN_DEBUG=1 shows the way to it",
        trace="\n".join(line for one in _chain(error) for line in _describe(one)),
    )


def _find_culprit(calls: list[tuple[FrameType, int]]) -> str:
    """Return the package of the innermost call that is keyplan's or a plugin's: what lies deeper is a library.

    A library that raises was called with something that it does not take, so its caller has the bug.
    """
    plugins = _find_plugins()
    for frame, _ in reversed(calls):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package == _OWN:
            return _OWN
        if package in plugins:
            return plugins[package]
    return _OWN


def _find_plugins() -> dict[str, str]:
    """Return the distribution of each installed package that offers a provider, a sink or a ledger."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - takes 15 ms of every start, and is for bugs alone

    found = [entry for group in _GROUPS for entry in entry_points(group=group)]
    return {entry.value.partition(":")[0].partition(".")[0]: entry.dist.name for entry in found if entry.dist}


def _chain(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _chain(cause)
    yield error


def _describe(error: BaseException) -> Iterator[str]:
    for frame, line in _walk(error.__traceback__):
        yield f"  {_place(frame, line)} in {frame.f_code.co_name}"
    yield type(error).__name__


def _walk(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """Yield each call and its line, outermost first. Not `traceback.extract_tb`, which reads the source files."""
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _place(frame: FrameType, line: int) -> str:
    return f"{frame.f_code.co_filename}:{line}"
