"""Explain in plain words what PyYAML found wrong, and point to the place where a user would look for it.

PyYAML's C parser and its Python parser word the same mistake differently; both lead to one message here.
"""

from __future__ import annotations

import re

import yaml

from keyplan.manifest.problems import START, Problems, Spot, spot_at
from keyplan.model.quotes import escape, quote

_PREFIX = "this is not valid YAML: "
_AT_CONTEXT = (
    ("unexpected end of stream", "the quotation mark that opens here is not closed"),
    ("expected ',' or", "the bracket that opens here is not closed, or a comma is missing in it"),
)
_AT_PROBLEM = (
    (
        "apping values are not allowed",
        "':' is not expected here; check the indentation, or quote the text that holds it",
    ),
    ("equence entries are not allowed", "'-' is not expected here; begin the list in a line of its own"),
    ("<document start>", "a manifest is one document, and it has ended above"),
    ("expected key", "this does not fit what stands above; check indentation and quotation marks"),
    ("expected <block end>", "this does not fit what stands above; check indentation and quotation marks"),
    ("'-' indicator", "this does not fit the list above; check the indentation"),
    ("node content", "a value is missing, or this is not expected here"),
    ("escape c", "an escape in double quotation marks is unknown; write \\\\ for one backslash"),
)


def explain(error: yaml.YAMLError, text: str) -> tuple[Spot, str]:
    """Return where to look, and one sentence."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return START, f"{_PREFIX}{escape(str(error).splitlines()[0])}"
    spot = spot_at(error.problem_mark.line, error.problem_mark.column)
    problem = error.problem or "it cannot be read"
    sign = _sign_at(text, error.problem_mark)
    # Two parsers, two wordings of one mistake: parts of both are looked for.
    if "tab character" in problem or sign == "\t":
        return spot, f"{_PREFIX}a tab is used for indentation; use spaces"
    if "cannot start any token" in problem:
        return spot, f"{_PREFIX}no text can begin with {quote(sign)}; put it between quotation marks"
    for part, words in _AT_CONTEXT:
        if part in problem and error.context_mark is not None:
            return spot_at(error.context_mark.line, error.context_mark.column), _PREFIX + words
    words = next((words for part, words in _AT_PROBLEM if part in problem), escape(problem))
    return spot, _PREFIX + words


def _sign_at(text: str, mark: yaml.Mark) -> str:
    """Return the character at a mark; nothing behind the end of the text."""
    lines = text.splitlines()
    return lines[mark.line][mark.column : mark.column + 1] if mark.line < len(lines) else ""


# YAML 1.2.2 section 5.1 without NEL, LS and PS: PyYAML takes those three for line breaks, as YAML 1.1 did.
# What is forbidden rather than what is not: that takes 0.2 ms to compile instead of 5. UTF-8 holds no surrogates.
_FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_BYTE_ORDER_MARK = "\ufeff"
_OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff")


def decode(data: bytes, problems: Problems) -> str:
    """Return the text of a file. Raises ManifestError if it is not UTF-8 text, or holds only blanks."""
    if data.startswith(_OTHER_ENCODINGS):
        problems.fail(START, "this is UTF-16 or UTF-32 text; save it as UTF-8")
    try:
        text = data.decode().removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode().removeprefix(_BYTE_ORDER_MARK)
        problems.fail(spot_of_offset(before, len(before)), "this is not UTF-8 text")
    found = _FORBIDDEN.search(text)
    if found is not None:
        spot = spot_of_offset(text, found.start())
        if found[0] == "\0":
            problems.fail(spot, "this is a binary file: it holds a NUL byte")
        problems.fail(
            spot, f"the character {escape(found[0])} is not allowed here; write it as an escape in double quotes"
        )
    # An empty document would be None, which no schema message explains.
    if not text.strip():
        problems.fail(START, "the file is empty")
    return text


def spot_of_offset(text: str, offset: int) -> Spot:
    r"""Return the spot of the character at an offset; lines end with ``\n``, ``\r`` or both, as in YAML."""
    lines = text[:offset].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return spot_at(len(lines) - 1, len(lines[-1]))
