"""One address's actions, one after the other, and what became of each, noted while it happens.

In: the actions of one address, what runs one, and the wish to stop. Out: outcomes, at any moment. Never: two actions
at a time; an outcome that is lost because something broke after it; the text of an exception that nobody foresaw.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Lock

from keyplan.model.plan import Action, Verb
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome
from keyplan.ports import Stop

STOPPED = "the run was told to stop"
STEP_FAILED = "an earlier step of this key failed"
CUT_SHORT = "the run was told twice to stop while this was under way"
_SETTLES = "finds out how far it came, and finishes it"


class Lane:
    """The actions of one address, and how far they are."""

    def __init__(self, actions: tuple[Action, ...], perform: Callable[[Action], Outcome | None], stop: Stop) -> None:
        self._actions = actions
        self._perform = perform
        self._stop = stop
        self._lock = Lock()
        self._outcomes: list[Outcome] = []
        self._begun = 0
        self._ended = 0

    def run(self) -> None:
        """Run the actions in their order; after a failure, or once told to stop, the rest is not tried."""
        why = ""
        for action in self._actions:
            if self._stop.requested() is not None:
                why = STOPPED
            self._begun += 1
            outcome = NotTried(action=action, why=why) if why else self._perform(action)
            self._note(outcome)
            if outcome is not None and not isinstance(outcome, Done):
                why = why or STEP_FAILED

    def settle(self, future: Future[None]) -> list[Outcome]:
        """Return what became of every action that does something, whatever `run` came to in that future.

        An exception that does not end the process becomes the outcome of the action that raised it.
        """
        if future.cancelled():
            return list(self._left_over(STOPPED))
        if not future.done():
            return self._break_off(_doubt, STOPPED)
        error = future.exception()
        if error is None:
            return self._outcomes
        if not isinstance(error, Exception):
            raise error
        return self._break_off(lambda action: describe_bug(action, error), STEP_FAILED)

    def _note(self, outcome: Outcome | None) -> None:
        with self._lock:
            self._ended += 1
            # A kept key is told of only where it could not be kept in order.
            if outcome is not None and (_is_told(outcome.action) or isinstance(outcome, Failed)):
                self._outcomes.append(outcome)

    def _break_off(self, describe: Callable[[Action], Outcome], why: str) -> list[Outcome]:
        """Return the outcomes so far, one for the action under way, and that the rest was not tried."""
        with self._lock:
            under_way = self._actions[self._ended : self._begun]
            return [*self._outcomes, *map(describe, under_way), *self._left_over(why)]

    def _left_over(self, why: str) -> list[Outcome]:
        return [NotTried(action=action, why=why) for action in self._actions[self._begun :] if _is_told(action)]


def describe_bug(action: Action, error: Exception) -> Failed:
    """Return an outcome that names an exception's class and place, and not its text, which may quote a secret."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return Failed(
        action=action,
        message=f"this is a bug: {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}",
        advice="please report it",
        next_run=_SETTLES,
    )


def _doubt(action: Action) -> InDoubt:
    return InDoubt(action=action, message=CUT_SHORT, next_run=_SETTLES)


def _is_told(action: Action) -> bool:
    return action.verb is not Verb.KEEP
