"""Faults on order: rules that say which request goes wrong, and how.

In: JSON of the control endpoint. Out: the rule that a request falls under. Never: the fault itself; `gate` does it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from keyplan.sandbox.bodies import Body
from keyplan.sandbox.problems import Problem

_LONGEST_TEXT = 1000
_LARGEST_NUMBER = 1_000_000
_UNAVAILABLE = 503


class Action(StrEnum):
    """How a request goes wrong."""

    STATUS = "status"
    """Another answer is sent in place of the true one."""
    DELAY = "delay"
    """The answer comes late."""
    DROP_BEFORE = "drop_before"
    """The connection closes; nothing happened."""
    DROP_AFTER = "drop_after"
    """The connection closes; the request had its effect."""
    TRUNCATE = "truncate"
    """The request had its effect; half of the answer's body comes, then the connection closes."""
    REWRITE = "rewrite"
    """The request had its effect; what a pattern finds in the answer's body is replaced."""


class Filling(StrEnum):
    """What a `status` fault has for a body."""

    PROBLEM = "problem"
    HTML = "html"
    EMPTY = "empty"
    GARBAGE = "garbage"


class When(StrEnum):
    """On which side of the request's effect a `status` or `delay` fault stands."""

    BEFORE = "before"
    """A `status` fault then has no effect at all; a `delay` holds the effect back."""
    AFTER = "after"
    """The effect is there; the answer is replaced, or held back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One fault, and the requests it is for."""

    action: Action
    method: str | None = None
    """None fits every method."""
    path: re.Pattern[str] | None = None
    """Searched in the path with its query, as the request log shows it; None fits every path."""
    nth: int = 1
    """The first of the fitting requests that goes wrong, counted from 1."""
    times: int | None = 1
    """How many go wrong from there on; None for all."""
    status: int = _UNAVAILABLE
    retry_after: int | None = None
    """Seconds of a Retry-After header."""
    body: Filling = Filling.PROBLEM
    when: When = When.BEFORE
    seconds: float = 0.0
    """How long a delay lasts."""
    pattern: re.Pattern[str] | None = None
    """What a rewrite replaces in the body; None replaces nothing."""
    replacement: str = ""
    """What a rewrite puts in its place, literally."""
    seen: int = 0
    """How many requests have fitted so far."""

    def fits(self, method: str, target: str) -> bool:
        """Whether a request is one that this rule counts."""
        return self.method in {None, method} and (self.path is None or self.path.search(target) is not None)

    def strikes(self) -> bool:
        """Whether the request counted last goes wrong."""
        past = self.seen - self.nth
        return past >= 0 and (self.times is None or past < self.times)


class FaultPlan:
    """The rules in force, each with its count."""

    def __init__(self) -> None:
        self._rules: tuple[Rule, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force, in the order they were given."""
        return self._rules

    def add(self, rules: Sequence[Rule]) -> None:
        """Put more rules in force, behind those there are."""
        self._rules = (*self._rules, *rules)

    def clear(self) -> None:
        """Lift all rules."""
        self._rules = ()

    def judge(self, method: str, target: str) -> Rule | None:
        """Count a request under every rule that fits, and return the first that strikes."""
        counted = [
            (rule, replace(rule, seen=rule.seen + 1) if rule.fits(method, target) else rule) for rule in self._rules
        ]
        self._rules = tuple(after for _, after in counted)
        return next((after for before, after in counted if after is not before and after.strikes()), None)


_FIELDS = (
    *("action", "method", "path", "nth", "times"),
    *("status", "retry_after", "body", "when", "seconds", "pattern", "replacement"),
)
_ACTIONS: Mapping[str, Action] = MappingProxyType({each.value: each for each in Action})
_FILLINGS: Mapping[str, Filling] = MappingProxyType({each.value: each for each in Filling})
_WHENS: Mapping[str, When] = MappingProxyType({each.value: each for each in When})


def read_rule(body: Body) -> Rule:
    """Return the rule that a JSON object describes. Raises Problem 400."""
    body.allow(*_FIELDS)
    action = body.word("action", _ACTIONS)
    method = body.optional_text("method", longest=_LONGEST_TEXT)
    status = body.optional_whole("status", lowest=200, highest=599)
    return Rule(
        action=action,
        method=method.upper() if method else None,
        path=_pattern(body, "path"),
        nth=body.optional_whole("nth", lowest=1, highest=_LARGEST_NUMBER) or 1,
        times=_times(body.optional_whole("times", lowest=0, highest=_LARGEST_NUMBER)),
        status=status or _UNAVAILABLE,
        retry_after=body.optional_whole("retry_after", lowest=0, highest=_LARGEST_NUMBER),
        body=body.optional_word("body", _FILLINGS) or Filling.PROBLEM,
        when=body.optional_word("when", _WHENS) or When.BEFORE,
        seconds=body.optional_number("seconds", lowest=0, highest=_LARGEST_NUMBER) or 0.0,
        pattern=_pattern(body, "pattern"),
        replacement=body.optional_text("replacement", longest=_LONGEST_TEXT) or "",
    )


def show_rule(rule: Rule) -> dict[str, object]:
    """Return a rule in force, as the control endpoint lists it."""
    return {
        "action": rule.action,
        "method": rule.method,
        "path": rule.path.pattern if rule.path else None,
        "nth": rule.nth,
        "times": 0 if rule.times is None else rule.times,
        "seen": rule.seen,
    }


def _times(given: int | None) -> int | None:
    if given is None:
        return 1
    return given or None


def _pattern(body: Body, name: str) -> re.Pattern[str] | None:
    text = body.optional_text(name, longest=_LONGEST_TEXT)
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise Problem(400, f"{name} is not a regular expression: {error}.") from None
