"""Match regular expressions that users write, in time that grows with the text alone.

They are RE2's, as in Go and in sops. Python's own engine backtracks: it must never be given a pattern of a user, since
one such as `(a+)+` keeps it busy for years.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

MAX_PATTERN = 10_000
"""Characters; a longer pattern takes RE2 seconds to read."""

_DIFFERENT = (
    (r"\(\?<?[=!]", "RE2 cannot look ahead or behind"),
    (r"\\[1-9]|\(\?P=", "RE2 has no references to groups"),
    (r"\(\?>|[*+?}]\+", "RE2 has no atomic groups and no possessive repetition, and needs none"),
    (r"\(\?\(", "RE2 has no conditions"),
    (r"\(\?#", "RE2 has no comments"),
    (r"\(\?[a-zA-Z-]*[^imsPa-zA-Z:)<-]|\(\?[ims-]*[^imsPU:)<-]|\(\?[a-zA-Z-]*U", "RE2 knows the flags i, m and s"),
    (r"\\Z", r"write \z for the end of the text; the text must match as a whole anyway"),
    (r"\\[NuU]", r"write the character itself, or \x{...} with its number"),
    (r"\\[CQ]", r"\C and \Q are not for policies"),
    (r"\{,[0-9]*\}", "write {0,n} for {,n}, which RE2 takes for plain text"),
    (r"\{(?:[0-9]+,)?[0-9]{5,}", "RE2 repeats 1000 times at most"),
    (r"\[\^?\]?(?:\\.|[^\]\\])*?(?:--|&&|\|\||~~|\[(?!:))", "escape [, --, &&, || and ~~ in a class"),
)
"""What Python reads and RE2 does not, or not in the same way, each with what to say about it."""

_SCAN = re.compile(
    "|".join(f"(?P<d{number}>{pattern})" for number, (pattern, _) in enumerate(_DIFFERENT))
    + r"|\\.|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]|.",
    re.DOTALL,
)
"""One element after the other, so that what is escaped or stands in a class is not taken for syntax."""


def find_fault(*patterns: str) -> str:
    """Return what is wrong with a regular expression, or with several together; nothing if they are sound."""
    for pattern in patterns:
        if len(pattern) > MAX_PATTERN:
            return f"it has more than {MAX_PATTERN:,} characters"
        if difference := _find_difference(pattern):
            return difference
    try:
        _compile(patterns)
    except ValueError as error:
        return str(error)
    return ""


@lru_cache(maxsize=100_000)
def matches(text: str, patterns: tuple[str, ...]) -> bool:
    """Whether one of the regular expressions, which are sound together, matches a text as a whole."""
    return _compile(patterns).fullmatch(_encode(text)) is not None


def searches(pattern: str, text: str) -> bool:
    """Whether a regular expression matches a part of a text. Raises ValueError if it is not sound."""
    return _compile((pattern,)).search(_encode(text)) is not None


def _find_difference(pattern: str) -> str:
    found = (match.lastgroup for match in _SCAN.finditer(pattern))
    return next((_DIFFERENT[int(group[1:])][1] for group in found if group), "")


@lru_cache(maxsize=128)
def _compile(patterns: tuple[str, ...]) -> Any:
    """Return one expression for all patterns, which RE2 holds to 8 MiB. Raises ValueError that says what is wrong."""
    import re2  # noqa: PLC0415 - takes 9 ms, and most manifests have no patterns

    options = re2.Options()
    options.dot_nl, options.log_errors = True, False
    try:
        return re2.compile(_encode("|".join(f"(?:{pattern})" for pattern in patterns)), options)
    except re2.error as error:
        # Its message is bytes: what is wrong, then the part of the pattern (re2/re2.h, `RE2::error`).
        raise ValueError(error.args[0].decode(errors="replace")) from error


def _encode(text: str) -> bytes:
    # An unpaired surrogate, which a provider may send, becomes bytes that no class of characters holds.
    return text.encode(errors="surrogatepass")
