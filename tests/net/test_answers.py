"""Bodies as they are decoded: compressed, too large, and JSON that is none."""

from __future__ import annotations

import gzip
import resource
import zlib

import pytest

from keyplan.net.answers import decode_body, load_json
from keyplan.net.deadline import MAX_ANSWER_BYTES, ExchangeLimitError

BODY = b'{"api_keys": []}'
RAW_DEFLATE = zlib.compressobj(wbits=-zlib.MAX_WBITS)


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        pytest.param(BODY, "", id="as it is"),
        pytest.param(BODY, "identity", id="said to be as it is"),
        pytest.param(gzip.compress(BODY), "gzip", id="gzip"),
        pytest.param(gzip.compress(BODY), " GZIP ", id="gzip in another case"),
        pytest.param(zlib.compress(BODY), "deflate", id="deflate"),
        pytest.param(RAW_DEFLATE.compress(BODY) + RAW_DEFLATE.flush(), "deflate", id="deflate without its frame"),
    ],
)
def test_one_layer_is_taken_off(raw: bytes, encoding: str) -> None:
    assert decode_body(raw, encoding) == BODY


@pytest.mark.parametrize(
    ("raw", "encoding", "reason"),
    [
        pytest.param(gzip.compress(gzip.compress(BODY)), "gzip, gzip", "was not asked for", id="two layers"),
        pytest.param(BODY, "br", "was not asked for", id="an encoding of others"),
        pytest.param(BODY, "gzip", "cannot be decompressed", id="not compressed"),
        pytest.param(gzip.compress(bytes(MAX_ANSWER_BYTES + 1)), "gzip", "larger than 8388608 bytes", id="too large"),
        pytest.param(gzip.compress(b"[]," * 600_000), "gzip", "more than 500000 values", id="too many values"),
    ],
)
def test_what_cannot_be_decoded_says_why(raw: bytes, encoding: str, reason: str) -> None:
    with pytest.raises(ExchangeLimitError, match=reason):
        decode_body(raw, encoding)


def test_a_gigabyte_in_a_megabyte_takes_no_more_memory_than_allowed() -> None:
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    packed = b"".join(packer.compress(bytes(2**20)) for _ in range(1024)) + packer.flush()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ExchangeLimitError, match="larger than"):
        decode_body(packed, "gzip")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>", id="HTML"),
        pytest.param(b'{"a": ', id="cut off"),
        pytest.param(b'{"a": "\xff"}', id="not UTF-8"),
        pytest.param(b'{"a": NaN}', id="not a number"),
        pytest.param(b'{"a": -Infinity}', id="endless"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="nested too deeply"),
        pytest.param(b'{"a": 1' + b"0" * 5000 + b"}", id="an integer of 5,000 digits"),
    ],
)
def test_what_is_not_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        load_json(body)


def test_json_is_read_with_a_mark_of_its_encoding_and_without() -> None:
    assert load_json(b"\xef\xbb\xbf{}") == load_json(b"{}") == {}


def test_half_of_a_surrogate_pair_is_refused_only_if_it_matters() -> None:
    assert load_json(rb'{"a": "\ud83d"}') == {"a": "\ud83d"}
    with pytest.raises(ValueError):
        load_json(rb'{"a": "\ud83d"}', is_text_safe=True)
    assert load_json(rb'{"a": "\ud83d\ude00"}', is_text_safe=True) == {"a": "\U0001f600"}
