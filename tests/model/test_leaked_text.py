"""A text in which a key leaked: the key is found however it is written, in little time, and never shown."""

from __future__ import annotations

import base64
import json
import time

import pytest

from keyplan.errors import InputError
from keyplan.model.leaked_text import MOST_BYTES, MOST_CANDIDATES, LeakedText
from keyplan.model.secret import RawKey

RAW = "ak-7d2k9x0w4mpz5q8v1cr6t3yb7n2f9hj4g5s8d1l0a6e3u7oi5w"
FORM = f"{RAW[:6]}...{RAW[-3:]}"
OTHERS = ("ak-abc...xyz", "ak-7d2...zzz", "ak-...", "", "****")
PRINT = RawKey(RAW).fingerprint("key-1")


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def wrap(text: str, width: int, before: str = "") -> str:
    return f"\n{before}".join(text[at : at + width] for at in range(0, len(text), width))


WRITTEN = {
    "alone": RAW,
    "in a shell line": f"export ARIZE_API_KEY='{RAW}'; run",
    "glued to other words": f"x{RAW}FOO",
    "in JSON in JSON": json.dumps(json.dumps({"key": f"a\n{RAW}\nb"})),
    "escaped in JSON": "".join(f"\\u{ord(letter):04x}" for letter in RAW),
    "escaped twice": "".join(f"\\\\x{ord(letter):02x}" for letter in RAW),
    "percent-encoded": "".join(f"%{ord(letter):02X}" for letter in RAW),
    "as HTML": "".join(f"&#{ord(letter)};" for letter in RAW),
    "coloured by grep": f"{RAW[:3]}\x1b[01;31m\x1b[K{RAW[3:9]}\x1b[m\x1b[K{RAW[9:]}",
    "with an invisible character": f"{RAW[:9]}\u200b{RAW[9:]}",
    "wrapped in a diff": wrap(RAW, 20, "+ "),
    "wrapped by Windows": wrap(RAW, 20).replace("\n", "\r\n"),
    "quoted-printable": f"{RAW[:20]}=\n{RAW[20:]}",
    "as base64": encode(f"KEY={RAW}\n"),
    "as base64 for URLs without padding": encode(f"??>{RAW}?").translate(str.maketrans("+/", "-_")).rstrip("="),
    "as base64 behind a path": f"/x{encode(f'u:{RAW}')}",
    "as base64 in base64": encode(json.dumps({"auth": encode(f"user:{RAW}")})),
    "as wrapped base64": wrap(encode(f"KEY={RAW}\n"), 30, "    "),
}


def has_key(text: bytes, *forms: str) -> bool:
    found = LeakedText(text).find({FORM, *OTHERS, *forms})
    return any(PRINT.matches(raw) for match in found.values() for raw in match.raws)


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_a_key_is_found_however_it_is_written(written: str) -> None:
    assert has_key(f"noise {written} more\nnoise".encode())


def test_utf_16_is_read_too() -> None:
    assert has_key(f"key {RAW} end".encode("utf-16"))


def test_a_redacted_form_is_seen_and_no_raw_key() -> None:
    for shown in (FORM, FORM.replace("...", "…"), FORM.replace("...", "****")):
        found = LeakedText(f"the list shows {shown} today".encode()).find([FORM])
        assert (list(found), found[FORM].is_shown, found[FORM].raws) == ([FORM], True, [])


def test_forms_without_a_common_beginning_are_found_at_the_beginning_of_words() -> None:
    assert has_key(f"key={RAW}".encode(), "zz-abc...xyz")


def test_another_key_of_the_same_form_is_not_this_one() -> None:
    assert not has_key(f"{RAW[:20]}0{RAW[21:]}".encode() if RAW[20] != "0" else f"{RAW[:20]}1{RAW[21:]}".encode())


def test_a_form_without_a_readable_end_takes_the_whole_word() -> None:
    found = LeakedText(f"{RAW} end".encode()).find([f"{RAW[:8]}..."])
    assert [PRINT.matches(raw) for match in found.values() for raw in match.raws] == [True]


def test_without_forms_nothing_is_found() -> None:
    assert LeakedText(RAW.encode()).find(["", "..."]) == {}


def test_a_key_that_stands_there_often_is_one_candidate() -> None:
    found = LeakedText(f"{RAW}\n".encode() * 1000).find([FORM])
    assert len(found[FORM].raws) < 5


def test_raw_keys_of_no_known_form_are_counted_once_each() -> None:
    text = LeakedText(f"{RAW} {RAW} ak-{'b' * 50} ak-eu-west-1-production ak-{'c' * 51}".encode())
    assert text.count_unknown({}) == 2
    assert text.count_unknown(text.find([FORM])) == 1


def test_a_text_is_not_shown() -> None:
    assert RAW[:9] not in f"{LeakedText(RAW.encode())!r} {LeakedText(RAW.encode())}"


def test_a_text_that_is_too_large_is_refused_without_being_quoted() -> None:
    with pytest.raises(InputError) as error:
        LeakedText(RAW.encode() * (MOST_BYTES // len(RAW) + 1))
    assert RAW[:9] not in str(error.value)


def test_too_many_candidates_are_refused_without_being_quoted() -> None:
    many = "\n".join(f"{RAW[:6]}{number:020}{RAW[-3:]}" for number in range(MOST_CANDIDATES + 1))
    with pytest.raises(InputError) as error:
        LeakedText(many.encode()).find([FORM])
    assert RAW[:6] not in str(error.value)


@pytest.mark.parametrize(
    "piece",
    [
        *("ak-", RAW[:6], RAW[-3:], "YWst", "-7", "\x1b[", "\x1b]", "\x1b[0;"),
        *("\n", " ", " \n", "=\n+ ", "\\", "%", "&#", "a "),
    ],
)
def test_no_text_keeps_the_search_busy(piece: str) -> None:
    text = piece.encode() * (MOST_BYTES // 8 // len(piece))
    begun = time.process_time()
    leaked = LeakedText(text)
    leaked.find([FORM, *OTHERS])
    leaked.count_unknown({})
    # Half a megabyte takes half a second at most; what is not linear takes minutes.
    assert time.process_time() - begun < 5
