"""What is kept of a stored text leads back to that very text, whatever its form is."""

from __future__ import annotations

import pytest
from upgrades.texts import compact, fold, nest, unfold

TEXTS = [
    '{"a": {"b": "é"}, "c": [1, 2.0, null]}',
    '{"c": 1, "a": 2}',
    '{"a":1}',
    '{"a": 1}\n',
    "{}",
    "",
    "a text",
    '[{"a": 1}]',
]
USUAL = TEXTS[0]


@pytest.mark.parametrize("text", TEXTS)
def test_a_kept_text_leads_back_to_the_stored_one(text: str) -> None:
    assert fold(unfold(text)) == text
    assert compact(nest({"document": text, "number": 1})) == {"document": text, "number": 1}


def test_a_document_of_the_usual_form_is_kept_for_readers() -> None:
    assert unfold(USUAL).count("\n") > 1
    assert nest({"document": USUAL})["document"]["a"] == {"b": "é"}


@pytest.mark.parametrize("text", TEXTS[1:3])
def test_a_document_of_another_form_is_kept_as_it_is(text: str) -> None:
    assert (unfold(text), nest({"document": text})) == (text, {"document": text})
