import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_receipt

from keyplan.errors import SinkDeniedError
from keyplan.sinks.formats import Dotenv, JsonDocument, Raw

KEY = "ARIZE_API_KEY"
DOTENV = Dotenv(KEY)
RECEIPT = make_receipt()
PRINTABLE = st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"]), min_size=1).filter(str.isprintable)


@pytest.mark.parametrize(
    ("newline", "content"),
    [pytest.param(False, b"ak-1", id="exactly the key"), pytest.param(True, b"ak-1\n", id="one line")],
)
def test_a_raw_file_is_the_key(newline: bool, content: bytes) -> None:
    assert Raw(newline=newline).set(b"former", "ak-1", RECEIPT) == content


@pytest.mark.parametrize(
    ("content", "value"),
    [
        pytest.param(b"ak-1", "ak-1", id="as written"),
        pytest.param(b"ak-1\n", "ak-1", id="an editor added a newline"),
        pytest.param(b"ak-1\r\n", "ak-1", id="another editor"),
        pytest.param(b"", None, id="an empty file"),
        pytest.param(b"\n", None, id="an empty line"),
        pytest.param(b"\xff", "\ufffd", id="no text, but something"),
    ],
)
def test_a_raw_file_is_read(content: bytes, value: str | None) -> None:
    assert Raw().read(content) == value


@pytest.mark.parametrize("form", [Raw(), JsonDocument()], ids=["raw", "json"])
def test_a_file_of_one_value_is_empty_without_it(form: Raw | JsonDocument) -> None:
    assert form.unset(form.set(b"", "ak-1", RECEIPT)) == b""


def test_a_json_file_tells_what_people_ask_of_a_key() -> None:
    receipt = make_receipt(expires_at=datetime(2027, 1, 1, tzinfo=UTC))
    assert json.loads(JsonDocument().set(b"", "ak-1", receipt)) == {
        "key": "ak-1",
        "name": "ci",
        "address": "user/ci",
        "key_id": "key-1",
        "created_at": "2026-11-23T07:31:00+00:00",
        "expires_at": "2027-01-01T00:00:00+00:00",
        "redacted": "ak-can...000",
    }


def test_a_json_file_of_a_key_without_end_says_null() -> None:
    assert json.loads(JsonDocument().set(b"", "ak-1", RECEIPT))["expires_at"] is None


@pytest.mark.parametrize(
    ("content", "value"),
    [
        pytest.param(b'{"key": "ak-1"}', "ak-1", id="as written"),
        pytest.param(b"", None, id="an empty file"),
        pytest.param(b" \n", None, id="blank"),
        pytest.param(b"{broken", "{broken", id="no JSON, but something"),
        pytest.param(b"[1]", "[1]", id="another document"),
        pytest.param(b'{"a": 1}', '{"a": 1}', id="no key in it"),
        pytest.param(b'{"key": 1}', '{"key": 1}', id="a key that is no text"),
        pytest.param(b'{"key": ""}', '{"key": ""}', id="an empty key, but a person's document"),
    ],
)
def test_a_json_file_is_read(content: bytes, value: str | None) -> None:
    assert JsonDocument().read(content) == value


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"", b"ARIZE_API_KEY=ak-2\n", id="a new file"),
        pytest.param(b"A=1\n", b"A=1\nARIZE_API_KEY=ak-2\n", id="added at the end"),
        pytest.param(b"A=1", b"A=1\nARIZE_API_KEY=ak-2\n", id="the last line had no newline"),
        pytest.param(b"A=1\r\n", b"A=1\r\nARIZE_API_KEY=ak-2\r\n", id="CRLF stays CRLF"),
        pytest.param(b"ARIZE_API_KEY=ak-1\nB=2\n", b"ARIZE_API_KEY=ak-2\nB=2\n", id="in place, order kept"),
        pytest.param(b"ARIZE_API_KEY=ak-1", b"ARIZE_API_KEY=ak-2", id="no newline added where there was none"),
        pytest.param(b"export ARIZE_API_KEY=ak-1\n", b"export ARIZE_API_KEY=ak-2\n", id="export stays"),
        pytest.param(b"  ARIZE_API_KEY = ak-1\n", b"  ARIZE_API_KEY = ak-2\n", id="spaces stay"),
        pytest.param(b"ARIZE_API_KEY=ak-1 # mine\n", b"ARIZE_API_KEY=ak-2 # mine\n", id="a comment behind stays"),
        pytest.param(b"ARIZE_API_KEY='ak-1'\n", b"ARIZE_API_KEY=ak-2\n", id="quotes that nobody needs go"),
        pytest.param(b'ARIZE_API_KEY="a\\"b" # c\n', b"ARIZE_API_KEY=ak-2 # c\n", id="a quote within quotes"),
        pytest.param(b"ARIZE_API_KEY='a\nb'\nB=2\n", b"ARIZE_API_KEY=ak-2\nB=2\n", id="a value of two lines"),
        pytest.param(b"ARIZE_API_KEY=\n", b"ARIZE_API_KEY=ak-2\n", id="an empty value is filled"),
        pytest.param(b"ARIZE_API_KEY='x\n", b"ARIZE_API_KEY=ak-2\n", id="a quote that never closes ends with its line"),
        pytest.param(
            b"ARIZE_API_KEY=a\nB=2\nARIZE_API_KEY=b\n",
            b"ARIZE_API_KEY=ak-2\nB=2\nARIZE_API_KEY=ak-2\n",
            id="every definition, whichever a reader takes",
        ),
        pytest.param(
            b"# ARIZE_API_KEY=old\n", b"# ARIZE_API_KEY=old\nARIZE_API_KEY=ak-2\n", id="a comment is no definition"
        ),
        pytest.param(
            b"MY_ARIZE_API_KEY=1\nARIZE_API_KEY_2=2\n",
            b"MY_ARIZE_API_KEY=1\nARIZE_API_KEY_2=2\nARIZE_API_KEY=ak-2\n",
            id="longer names are others",
        ),
        pytest.param(
            b"B='\nARIZE_API_KEY=no\n'\n",
            b"B='\nARIZE_API_KEY=no\n'\nARIZE_API_KEY=ak-2\n",
            id="a line within another's value is no definition",
        ),
        pytest.param(b"\xff=\xfe\n", b"\xff=\xfe\nARIZE_API_KEY=ak-2\n", id="bytes that are no text stay"),
        pytest.param(b"\xef\xbb\xbfARIZE_API_KEY=a\n", b"\xef\xbb\xbfARIZE_API_KEY=ak-2\n", id="a byte order mark"),
        pytest.param(b"what is this\n\n", b"what is this\n\nARIZE_API_KEY=ak-2\n", id="nonsense stays"),
    ],
)
def test_a_dotenv_file_keeps_everything_else(before: bytes, after: bytes) -> None:
    assert DOTENV.set(before, "ak-2", RECEIPT) == after
    assert DOTENV.read(after) == "ak-2"
    assert DOTENV.set(after, "ak-2", RECEIPT) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"ARIZE_API_KEY=a\n", b"", id="nothing else was there"),
        pytest.param(b"\r\nARIZE_API_KEY=a\r\n \n", b"", id="nothing but blank lines"),
        pytest.param(b"A=1\nexport ARIZE_API_KEY=a # x\nB=2\n", b"A=1\nB=2\n", id="its line goes"),
        pytest.param(b"ARIZE_API_KEY=a\n# mine\nARIZE_API_KEY=b", b"# mine\n", id="each of its lines goes"),
        pytest.param(b"A=1\n", b"A=1\n", id="it was not there"),
    ],
)
def test_a_dotenv_file_loses_no_other_line(before: bytes, after: bytes) -> None:
    assert DOTENV.unset(before) == after


@pytest.mark.parametrize(
    ("content", "value"),
    [
        pytest.param(b"ARIZE_API_KEY=a\nARIZE_API_KEY=b\n", "b", id="the last definition is read"),
        pytest.param(b"ARIZE_API_KEY=\n", None, id="an empty value is none"),
        pytest.param(b"ARIZE_API_KEY=''\n", None, id="an empty quoted value is none"),
        pytest.param(b"A=1\n", None, id="not there"),
        pytest.param(b"ARIZE_API_KEY='a\\b'\n", "a\\b", id="single quotes escape nothing"),
        pytest.param(b'ARIZE_API_KEY="a\\"\\$"\n', 'a"$', id="double quotes do"),
        pytest.param(b"ARIZE_API_KEY=a#b\n", "a#b", id="a comment needs a space before it"),
    ],
)
def test_a_dotenv_file_is_read(content: bytes, value: str | None) -> None:
    assert DOTENV.read(content) == value


@pytest.mark.parametrize(
    ("value", "line"),
    [
        pytest.param("ak-A_z.0/+=", b"ARIZE_API_KEY=ak-A_z.0/+=\n", id="plain"),
        pytest.param("a b#c", b"ARIZE_API_KEY='a b#c'\n", id="quoted where needed"),
        pytest.param("it's $5", b'ARIZE_API_KEY="it\'s \\$5"\n', id="quoted the other way where that is needed"),
    ],
)
def test_a_dotenv_value_is_quoted_only_where_needed(value: str, line: bytes) -> None:
    assert DOTENV.set(b"", value, RECEIPT) == line


@given(value=PRINTABLE, before=st.text(max_size=30))
def test_whatever_a_dotenv_file_was_given_is_read_back(value: str, before: str) -> None:
    comments = "".join(f"# {line}\n" for line in before.splitlines()).encode(errors="replace")
    after = DOTENV.set(comments, value, RECEIPT)
    assert DOTENV.read(after) == value
    assert DOTENV.unset(after) == comments


def test_a_value_with_control_characters_fits_no_dotenv_file() -> None:
    with pytest.raises(SinkDeniedError, match=KEY) as caught:
        DOTENV.set(b"", "ak-canary\nB=2", RECEIPT)
    assert "canary" not in str(caught.value)
