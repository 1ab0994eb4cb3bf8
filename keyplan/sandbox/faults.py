"""Rules that say which requests fail, and how. The middleware applies them; this module only selects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from keyplan.sandbox.bodies import RequestBody
from keyplan.sandbox.responses import ProblemError

_MAX_TEXT_LENGTH = 1000
_MAX_NUMBER = 1_000_000
_UNAVAILABLE = 503


class FaultAction(StrEnum):
    """How a request fails."""

    STATUS = "status"
    """Another response is sent in place of the real one."""
    DELAY = "delay"
    """The response is delayed."""
    DROP_BEFORE = "drop_before"
    """The connection closes; the request had no effect."""
    DROP_AFTER = "drop_after"
    """The connection closes; the request had its effect."""
    TRUNCATE = "truncate"
    """The request had its effect; half of the response body is sent, then the connection closes."""
    REWRITE = "rewrite"
    """The request had its effect; matches of a pattern in the response body are replaced."""


class FaultBody(StrEnum):
    """The body of a `status` fault."""

    PROBLEM = "problem"
    HTML = "html"
    EMPTY = "empty"
    GARBAGE = "garbage"


class FaultTiming(StrEnum):
    """Whether a `status` or `delay` fault comes before or after the request's effect."""

    BEFORE = "before"
    """With a `status` fault the request has no effect; with a `delay` the effect is delayed too."""
    AFTER = "after"
    """The request has its effect; then the response is replaced or delayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """One fault, and the requests that it applies to."""

    action: FaultAction
    method: str | None = None
    """None matches every method."""
    path: re.Pattern[str] | None = None
    """Searched in the path with its query, as the request log shows it; None matches every path."""
    nth: int = 1
    """The first matching request that fails, counted from 1."""
    times: int | None = 1
    """How many fail from there on; None for all."""
    status: int = _UNAVAILABLE
    retry_after: int | None = None
    """Seconds of a Retry-After header."""
    body: FaultBody = FaultBody.PROBLEM
    when: FaultTiming = FaultTiming.BEFORE
    seconds: float = 0.0
    """How long a delay lasts."""
    pattern: re.Pattern[str] | None = None
    """What a rewrite replaces in the body; None replaces nothing."""
    replacement: str = ""
    """The text that a rewrite inserts, literally."""
    seen: int = 0
    """How many requests have matched so far."""

    # A rule is immutable and counted by replacement, so that a listing of rules never shows a half-counted one.
    def matches(self, method: str, target: str) -> bool:
        """Whether this rule counts a request."""
        return self.method in {None, method} and (self.path is None or self.path.search(target) is not None)

    def applies(self) -> bool:
        """Whether the request that was counted last fails."""
        past = self.seen - self.nth
        return past >= 0 and (self.times is None or past < self.times)


class FaultPlan:
    """The active rules, each with its count."""

    def __init__(self) -> None:
        self._rules: tuple[FaultRule, ...] = ()

    @property
    def rules(self) -> tuple[FaultRule, ...]:
        """The rules in force, in the order they were given."""
        return self._rules

    def add(self, rules: Sequence[FaultRule]) -> None:
        """Put more rules in force, behind those there are."""
        self._rules = (*self._rules, *rules)

    def clear(self) -> None:
        """Lift all rules."""
        self._rules = ()

    def match(self, method: str, target: str) -> FaultRule | None:
        """Count a request under every rule that fits, and return the first that applies."""
        counted = [
            (rule, replace(rule, seen=rule.seen + 1) if rule.matches(method, target) else rule) for rule in self._rules
        ]
        # All matching rules count the request, but only the first one that applies is used.
        self._rules = tuple(after for _, after in counted)
        return next((after for before, after in counted if after is not before and after.applies()), None)


_FIELDS = (
    *("action", "method", "path", "nth", "times"),
    *("status", "retry_after", "body", "when", "seconds", "pattern", "replacement"),
)
_ACTIONS: Mapping[str, FaultAction] = MappingProxyType({each.value: each for each in FaultAction})
_BODIES: Mapping[str, FaultBody] = MappingProxyType({each.value: each for each in FaultBody})
_TIMINGS: Mapping[str, FaultTiming] = MappingProxyType({each.value: each for each in FaultTiming})


def read_rule(body: RequestBody) -> FaultRule:
    """Return the rule that a JSON object describes. Raises ProblemError 400."""
    body.allow_only(*_FIELDS)
    action = body.choice("action", _ACTIONS)
    method = body.optional_text("method", longest=_MAX_TEXT_LENGTH)
    status = body.optional_integer("status", lowest=200, highest=599)
    return FaultRule(
        action=action,
        method=method.upper() if method else None,
        path=_pattern(body, "path"),
        nth=body.optional_integer("nth", lowest=1, highest=_MAX_NUMBER) or 1,
        times=_times(body.optional_integer("times", lowest=0, highest=_MAX_NUMBER)),
        status=status or _UNAVAILABLE,
        retry_after=body.optional_integer("retry_after", lowest=0, highest=_MAX_NUMBER),
        body=body.optional_choice("body", _BODIES) or FaultBody.PROBLEM,
        when=body.optional_choice("when", _TIMINGS) or FaultTiming.BEFORE,
        seconds=body.optional_number("seconds", lowest=0, highest=_MAX_NUMBER) or 0.0,
        pattern=_pattern(body, "pattern"),
        replacement=body.optional_text("replacement", longest=_MAX_TEXT_LENGTH) or "",
    )


def show_rule(rule: FaultRule) -> dict[str, object]:
    """Return a rule as the control endpoint lists it."""
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
    # 0 in the request means "all", which is None here.
    return given or None


def _pattern(body: RequestBody, name: str) -> re.Pattern[str] | None:
    text = body.optional_text(name, longest=_MAX_TEXT_LENGTH)
    # Compiled now, so that a bad pattern is refused when the rule is ordered and not when a request arrives.
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise ProblemError(400, f"{name} is not a regular expression: {error}.") from None
