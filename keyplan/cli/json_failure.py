"""Gives a program that asked for JSON one document on stdout, whatever went wrong.

Nothing is written where an answer was written already, or where stdout belongs to a stream of events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from keyplan.cli.session import Session
from keyplan.errors import KeyplanError

JSON = "json"
ANSWERING = frozenset(
    [
        "apply",
        "audit",
        "calendar",
        "doctor",
        "drift",
        "explain",
        "history",
        "leak",
        "ledger",
        "list",
        "plan",
        "rehearse",
        "revoke",
        "rotate",
        "show",
        "validate",
    ],
)
"""The verbs whose answer can be JSON; for these, the environment may have asked for it."""
_VARIABLES = {"leak": "KEYPLAN_LEAK_FORMAT", "list": "KEYPLAN_LIST_FORMAT"}


def wants_json(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether stdout is to be JSON. Asked of the words themselves: they may be what went wrong."""
    if "-" in [*_list_values("--json-lines", arguments), environment.get("KEYPLAN_JSON_LINES")]:
        return False
    given = list(_list_values("--format", arguments))
    verb = next((word for word in arguments if not word.startswith("-")), "")
    if not given and verb in ANSWERING:
        given = environment.get(_VARIABLES.get(verb, "KEYPLAN_FORMAT"), "").split()
    return JSON in given


def _list_values(option: str, arguments: Sequence[str]) -> Iterator[str]:
    """Yield what is given for an option, in either way of writing it."""
    words = arguments[: arguments.index("--")] if "--" in arguments else arguments
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word == option:
            yield following
        elif word.startswith(f"{option}="):
            yield word.removeprefix(f"{option}=")


def answer_error(session: Session, arguments: Sequence[str], error: KeyplanError, *, exit_status: int) -> None:
    """Write the document of an error, unless there is an answer already or JSON is not asked for."""
    if _is_due(session, arguments):
        from keyplan.renderers.formats import render_failures  # noqa: PLC0415 - every start would pay for it

        session.screen.answer(render_failures((("", error),), exit_status=exit_status))


def answer_misuse(
    session: Session, arguments: Sequence[str], message: str, *, advice: str = "", exit_status: int
) -> None:
    """Write the document of a wrong command line, as `answer_error` does."""
    if _is_due(session, arguments):
        from keyplan.renderers.formats import render_misuse  # noqa: PLC0415 - as above

        session.screen.answer(render_misuse(message, advice=advice, exit_status=exit_status))


def _is_due(session: Session, arguments: Sequence[str]) -> bool:
    return not session.screen.has_answered and wants_json(arguments, session.environment)
