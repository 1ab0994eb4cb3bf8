"""Turn the bytes of a manifest into text that YAML allows.

In: bytes. Out: text without byte order mark. Never: a NUL or another character that YAML forbids.
"""

from __future__ import annotations

import re

from keyplan.core.reading.problems import START, Problems, Spot, spot_at
from keyplan.core.reading.quoting import escape

# YAML 1.2.2 section 5.1 without NEL, LS and PS: PyYAML takes those three for line breaks, as YAML 1.1 did.
# What is forbidden rather than what is not: that takes 0.2 ms to compile instead of 5. UTF-8 holds no surrogates.
_FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_BYTE_ORDER_MARK = "\ufeff"
_OTHER_ENCODINGS = (b"\xff\xfe", b"\xfe\xff")


def decode(data: bytes, problems: Problems) -> str:
    """Return the text of a file. Raises ManifestError where it is not UTF-8 text, or nothing but blanks."""
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
    if not text.strip():
        problems.fail(START, "the file is empty")
    return text


def spot_of_offset(text: str, offset: int) -> Spot:
    r"""Return the spot of the character at an offset; lines end with ``\n``, ``\r`` or both, as in YAML."""
    lines = text[:offset].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return spot_at(len(lines) - 1, len(lines[-1]))
