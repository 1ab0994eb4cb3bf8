"""Decodes what a server answered: a body that may be compressed, and JSON. No memory beyond a fixed limit is taken.

What cannot be read is the server's failure, and is never quoted: it may hold a raw key.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import Any, Final, NoReturn

from keyplan.net.deadline import MAX_ANSWER_BYTES, ExchangeLimitError, ExchangeLimits, check_marks, count_marks

_ANY_ZLIB: Final = 47
"""zlib's `wbits` for gzip and zlib alike, found out from the header (docs.python.org, zlib.decompressobj)."""
_PLAIN: Final = frozenset({"", "identity"})
_COMPRESSED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_HALF_PAIR: Final = re.compile(r"\\u[dD][89a-fA-F]")


def decode_body(raw: bytes, encoding: str) -> bytes:
    """Return a body without its content encoding, at most MAX_ANSWER_BYTES.

    keyplan asks for none. One layer of gzip or deflate, as some gateways add it, is taken off all the same.

    Raises:
        ExchangeLimitError: The body is larger, is not in that encoding, or has another one or several.
    """
    word = encoding.strip().lower()
    if word in _PLAIN:
        return raw
    if word not in _COMPRESSED:
        raise ExchangeLimitError("the answer is compressed in a way that was not asked for")
    body = _inflate(raw)
    if len(body) > MAX_ANSWER_BYTES:
        raise ExchangeLimitError(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
    check_marks(count_marks(body), ExchangeLimits())
    return body


def _inflate(raw: bytes) -> bytes:
    # One byte more than allowed shows that there is more; zlib gives back no more than that (`max_length`).
    for wbits in (_ANY_ZLIB, -zlib.MAX_WBITS):
        # RFC 9110, 8.4.1.2: deflate is the zlib format, and some servers send the bare stream.
        inflater = zlib.decompressobj(wbits)
        try:
            return inflater.decompress(raw, MAX_ANSWER_BYTES + 1)
        except zlib.error:
            continue
    raise ExchangeLimitError("the answer cannot be decompressed")


def load_json(body: bytes, *, is_text_safe: bool = False) -> Any:
    """Return the value of a JSON text in UTF-8.

    With `is_text_safe`, no text in it has half of a surrogate pair, which no file or request takes.

    Raises:
        ValueError: It is not JSON, is nested too deeply, or has a number that JSON does not have.
    """
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_refuse_constant)
        if is_text_safe and _HALF_PAIR.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _refuse_constant(_word: str) -> NoReturn:
    # Python takes NaN and Infinity, which RFC 8259 does not have, and which break comparisons later.
    raise ValueError("not a number of JSON")
