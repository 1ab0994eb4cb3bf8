"""A text is written so that it is read as the same text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.manifest.problems import Problems
from keyplan.manifest.scalars import write_scalar
from keyplan.manifest.yaml_parser import parse_yaml


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("QXBpS2V5OjE6YUFh==", "QXBpS2V5OjE6YUFh==", id="an id needs no quotes"),
        pytest.param("payments-keys", "payments-keys", id="a slug neither"),
        pytest.param("2024", '"2024"', id="number"),
        pytest.param("true", '"true"', id="word"),
        pytest.param("a: b #c", '"a: b #c"', id="signs"),
        pytest.param("a\nb\x1b", '"a\\nb\\x1b"', id="control characters"),
        pytest.param("", '""', id="nothing"),
    ],
)
def test_a_text_is_quoted_only_if_that_is_needed(text: str, written: str) -> None:
    assert write_scalar(text) == written


# A manifest refuses NUL even as an escape, so nothing that is written holds one.
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_any_text_is_read_as_it_was_written(text: str) -> None:
    written = write_scalar(text)
    assert written.isascii()
    assert written.isprintable()
    problems = Problems("keys.yaml")
    assert parse_yaml(f"a: {written}\n", problems) == {"a": text}
    assert problems.listed() == ()
