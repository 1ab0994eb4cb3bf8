"""GitHub's expressions, as far as our workflows use them; anything else is refused, so that nothing passes unseen.

Source: GitHub's documentation, "Evaluate expressions in workflows and actions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<sign>==|!=|&&|\|\||!|\(|\))|(?P<word>[A-Za-z_][\w.-]*))")
_HOLE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_STATUS_FUNCTIONS = frozenset({"always", "cancelled", "failure", "success"})


class UnknownExpressionError(Exception):
    """The expression uses something that this reader does not know."""


class Scope:
    """What names and functions mean at one place of a workflow."""

    def __init__(self, contexts: Mapping[str, Any], *, failed: bool = False) -> None:
        self._contexts = contexts
        self._functions: Mapping[str, Callable[[], bool]] = {
            "always": lambda: True,
            "cancelled": lambda: False,
            "failure": lambda: failed,
            "success": lambda: not failed,
        }

    def fill(self, text: str) -> str:
        """Return a text with every hole filled."""
        return _HOLE.sub(lambda hole: say(self.evaluate(hole[1])), text)

    def holds(self, condition: str | None) -> bool:
        """Whether a step or job with this `if:` runs; without a status function, only after success."""
        if condition is None:
            return self.evaluate("success()") is True
        whole = _HOLE.fullmatch(condition.strip())
        expression = whole[1] if whole else condition
        if not _STATUS_FUNCTIONS & set(re.findall(r"(\w+)\(", expression)):
            expression = f"success() && ({expression})"
        return is_true(self.evaluate(expression))

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression without its braces."""
        tokens, at = [], 0
        text = expression.strip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if not found:
                raise UnknownExpressionError(expression)
            tokens.append(found)
            at = found.end()
        return _Reading(tokens, self, expression).read()

    def call(self, name: str) -> bool:
        """Return what a function without arguments says."""
        if name not in self._functions:
            raise UnknownExpressionError(f"{name}()")
        return self._functions[name]()

    def look_up(self, path: str) -> Any:
        """Return what a dotted name means: None for what is not there, but never for a context that is not known."""
        root, *names = path.split(".")
        if root not in self._contexts:
            raise UnknownExpressionError(path)
        value = self._contexts[root]
        for place, name in enumerate(names):
            if root in {"inputs", "steps"} and place == 0 and name not in value:
                raise UnknownExpressionError(path)
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


class _Reading:
    """One pass over the tokens of an expression; from the loosest binding to the tightest."""

    def __init__(self, tokens: list[re.Match[str]], scope: Scope, expression: str) -> None:
        self._tokens = tokens
        self._scope = scope
        self._expression = expression

    def read(self) -> Any:
        value = self._either()
        if self._tokens:
            raise UnknownExpressionError(self._expression)
        return value

    def _either(self) -> Any:
        value = self._both()
        while self._take("||"):
            other = self._both()
            value = value if is_true(value) else other
        return value

    def _both(self) -> Any:
        value = self._equality()
        while self._take("&&"):
            other = self._equality()
            value = other if is_true(value) else value
        return value

    def _equality(self) -> Any:
        value = self._negation()
        for sign in ("==", "!="):
            if self._take(sign):
                return _equal(value, self._negation()) is (sign == "==")
        return value

    def _negation(self) -> Any:
        return not is_true(self._negation()) if self._take("!") else self._primary()

    def _primary(self) -> Any:
        if self._take("("):
            value = self._either()
            self._demand(")")
            return value
        if not self._tokens:
            raise UnknownExpressionError(self._expression)
        token = self._tokens.pop(0)
        if token["text"]:
            return token["text"][1:-1].replace("''", "'")
        if not token["word"]:
            raise UnknownExpressionError(self._expression)
        if self._take("("):
            self._demand(")")
            return self._scope.call(token["word"])
        words = {"true": True, "false": False}
        return words[token["word"]] if token["word"] in words else self._scope.look_up(token["word"])

    def _take(self, sign: str) -> bool:
        if self._tokens and self._tokens[0]["sign"] == sign:
            self._tokens.pop(0)
            return True
        return False

    def _demand(self, sign: str) -> None:
        if not self._take(sign):
            raise UnknownExpressionError(self._expression)


def is_true(value: Any) -> bool:
    """Whether GitHub takes a value for true: all but false, null, 0 and the empty text."""
    return value not in (False, None, 0, "")


def say(value: Any) -> str:
    """Return a value as text, as GitHub fills it in."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return ""
    if isinstance(value, str | int):
        return str(value)
    raise UnknownExpressionError(f"a whole {type(value).__name__} as text")


def _equal(one: Any, other: Any) -> bool:
    return say(one).casefold() == say(other).casefold()
