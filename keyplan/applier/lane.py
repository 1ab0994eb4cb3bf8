"""A lane: the actions of one address, one after another, and what became of each, however the lane ended."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock

from keyplan.applier.bugs import describe_bug
from keyplan.model.plan import Action, PlannedAction, Verb
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome
from keyplan.ports import Stop

STOPPED = "the run was interrupted"
STEP_FAILED = "an earlier step of this key failed"
CUT_SHORT = "the run was interrupted twice while this was in progress"
_SETTLES = "finds out how far it came, and finishes it"


class Lane:
    """The actions of one address, and how far they are. One thread runs it, another may ask for the outcomes."""

    def __init__(
        self, actions: tuple[PlannedAction, ...], perform: Callable[[PlannedAction], Outcome | None], stop: Stop
    ) -> None:
        self._actions = actions
        self._perform = perform
        self._stop = stop
        self._lock = Lock()
        self._outcomes: list[Outcome] = []
        self._begun = 0
        self._ended = 0

    def run(self) -> None:
        """Run the actions in their order; after a failure, or once asked to stop, the rest is not tried."""
        why = ""
        for action in self._actions:
            if self._stop.requested() is not None:
                why = STOPPED
            self._begun += 1
            outcome = NotTried(action=action, why=why) if why else self._perform(action)
            self._note(outcome)
            # A key that was not renewed keeps its old ones: consumers may still read them.
            if outcome is not None and not isinstance(outcome, Done):
                why = why or STEP_FAILED

    def settle(self, future: Future[None]) -> list[Outcome]:
        """Return what became of every action that is reported, whatever `run` came to in that future."""
        if future.cancelled():
            return self._leave_out(STOPPED)
        if not future.done():
            return self._break_off(_doubt, STOPPED)
        error = future.exception()
        if error is None:
            return self._outcomes
        if not isinstance(error, Exception):
            raise error
        # A bug in one key's lane must not cost the other keys of the run their outcomes.
        return self._break_off(lambda action: _blame(action, error), STEP_FAILED)

    def _note(self, outcome: Outcome | None) -> None:
        with self._lock:
            self._ended += 1
            # A kept key is reported only if its records could not be kept in order.
            if outcome is not None and (is_reported(outcome.action) or isinstance(outcome, Failed)):
                self._outcomes.append(outcome)

    def _break_off(self, describe: Callable[[Action], Outcome], why: str) -> list[Outcome]:
        """Return the outcomes so far, one for the action under way, and that the rest was not tried."""
        # The lane's thread may still run: without the lock, an action could be counted as ended and missing at once.
        with self._lock:
            under_way = self._actions[self._ended : self._begun]
            return [*self._outcomes, *map(describe, under_way), *self._leave_out(why)]

    def _leave_out(self, why: str) -> list[Outcome]:
        return [NotTried(action=action, why=why) for action in self._actions[self._begun :] if is_reported(action)]


def is_reported(action: Action) -> bool:
    """Whether progress and report list the action. Kept keys are counted by the plan alone: they are too many."""
    return action.verb is not Verb.KEEP


def _blame(action: Action, error: Exception) -> Failed:
    bug = describe_bug(error)
    return Failed(action=action, message=bug.message, advice=bug.advice, next_run=_SETTLES, trace=bug.trace)


def _doubt(action: Action) -> InDoubt:
    return InDoubt(action=action, message=CUT_SHORT, next_run=_SETTLES)
