"""Documents of many lines are read at once as they are read one by one, whatever is wrong with one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keyplan.ledgers import documents
from keyplan.ledgers.documents import from_lines, from_text

SOUND = ('{"a": 1}', "{}", '{"a": {"b": [1, 2]}}', '{"a": "}", "b": "{"}', '{"a": "\\n"}')
DAMAGED = (
    "",
    " ",
    "5",
    "[]",
    '{"a": 1',
    '"b": 2}',
    "{}, {}",
    ' {"a": 1}',
    '{"a": 1} ',
    '{"a": "',
    '"}',
    "{},",
    '{"a": NaN}',
)


def read(parse: Callable[[str], Iterable[Mapping[str, Any]]], text: str) -> tuple[list[str], str]:
    """Return what is read before the first error, and that error."""
    values: list[str] = []
    try:
        values.extend(map(repr, parse(text)))
    except ValueError as error:
        return values, str(error)
    return values, ""


@given(lines=st.lists(st.sampled_from(SOUND + DAMAGED), min_size=1, max_size=4))
@example(lines=['{"a": "', '"}'])
@example(lines=["{}, {}", '{"a": 1', '"b": 2}'])
def test_documents_are_read_at_once_as_they_are_read_one_by_one(lines: list[str]) -> None:
    text = "\n".join(lines)
    values, error = read(from_lines, text)
    expected, expected_error = read(lambda whole: map(from_text, whole.split("\n")), text)
    assert error == expected_error
    # extend() keeps what a broken iterator gave before; a list that is made at once gives all or nothing.
    assert values == expected


def test_sound_documents_are_not_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_text: str) -> Mapping[str, Any]:
        raise AssertionError

    monkeypatch.setattr(documents, "from_text", refuse)
    assert list(from_lines("\n".join(SOUND))) == [
        {"a": 1},
        {},
        {"a": {"b": [1, 2]}},
        {"a": "}", "b": "{"},
        {"a": "\n"},
    ]
