"""Makes untrusted text harmless for a terminal or a log: names and descriptions come from the API, a manifest, a file.

No result may hold a control character, a terminal escape, an invisible character, one that changes the direction or
order of its neighbours, half a surrogate pair, or a command to the program that runs a pipeline.
"""

from __future__ import annotations

import re
import unicodedata

_ELLIPSIS = "…"
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}

# Unicode general categories: controls (C0, DEL, C1), formats (bidi, zero width, tags), surrogates, line and
# paragraph separators. Escapes of terminals begin with a control, so without controls there are none.
_HARMFUL_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

# Runners take lines of a log for commands: ``::name`` at the start of one, ``##[name]`` and ``##vso[name]`` anywhere in
# it. Sources: actions/runner, src/Runner.Common/ActionCommand.cs; Azure Pipelines and TeamCity, logging commands.
_COMMAND = re.compile(r"\A(?P<blank>\s*):(?=:)|##(?=\w*\[)")

# A spreadsheet takes a cell that begins so for a formula (OWASP: CSV injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def sanitize(text: str, *, width: int = 256) -> str:
    r"""Return the text on one line, harmful characters as visible escapes such as ``\x1b`` and ``\u202e``.

    A text longer than `width` characters is cut and ends in an ellipsis. Applied twice, nothing changes.
    """
    # Cut first: the length of a description is the attacker's choice, and escaping makes it up to ten times longer.
    shown = text[: width + 1]
    if not shown.isprintable():
        shown = "".join(map(_escape, shown))
    # Commands second: an escape may change what the line begins with.
    shown = _COMMAND.sub(_break_command, shown)
    return shown if len(shown) <= width else shown[: width - 1] + _ELLIPSIS


def sanitize_cell(text: str, *, width: int = 2000) -> str:
    """Return the text as `sanitize` does, for a cell of CSV that no spreadsheet runs as a formula."""
    shown = sanitize(text, width=width)
    return f"'{shown}" if text.startswith(_FORMULA_STARTS) else shown


def _break_command(command: re.Match[str]) -> str:
    blank = command["blank"]
    return r"#\x23" if blank is None else rf"{blank}\x3a"


def _escape(character: str) -> str:
    if unicodedata.category(character) not in _HARMFUL_CATEGORIES:
        return character
    return _NAMED.get(character) or _format_codepoint(ord(character))


def _format_codepoint(codepoint: int) -> str:
    """Return a codepoint as Python writes it in a string."""
    if codepoint <= 0xFF:  # noqa: PLR2004 - the largest number of two hex digits
        return f"\\x{codepoint:02x}"
    if codepoint <= 0xFFFF:  # noqa: PLR2004 - the largest number of four hex digits
        return f"\\u{codepoint:04x}"
    return f"\\U{codepoint:08x}"
