"""Which texts count as one, and what a pattern of a user selects."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.model.texts import compose, decompose, fold, list_composed, selects

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(
    ("pattern", "text", "known", "selected"),
    [
        pytest.param("user/ci[1]", "user/ci[1]", ["user/ci[1]", "user/ci1"], True, id="an address is itself"),
        pytest.param("user/ci[1]", "user/ci1", ["user/ci[1]", "user/ci1"], False, id="and nothing else"),
        pytest.param("user/ci[1]", "user/ci1", ["user/ci1"], True, id="no address is spelt so: a glob"),
        pytest.param("user/*", "user/ci1", ["user/*", "user/ci1"], False, id="a star that is a name"),
        pytest.param("user/*", "user/ci1", ["user/ci1"], True, id="a star"),
        pytest.param("user/ci[1]", "user/ci[1]", [], True, id="itself, although unknown"),
        pytest.param("user/CI*", "user/ci1", [], False, id="upper and lower case differ"),
        pytest.param(DECOMPOSED, COMPOSED, [COMPOSED], True, id="another normal form of an address"),
        pytest.param(DECOMPOSED[:-2] + "*", COMPOSED, [], True, id="a glob in another normal form"),
    ],
)
def test_a_pattern_matches_only_if_no_text_is_spelt_like_it(
    pattern: str, text: str, known: list[str], selected: bool
) -> None:
    assert selects(pattern, text, list_composed(known)) is selected


def test_both_normal_forms_of_a_text_are_composed_alike() -> None:
    assert compose(COMPOSED) == compose(DECOMPOSED) == COMPOSED
    assert decompose(COMPOSED) == decompose(DECOMPOSED) == DECOMPOSED
    assert compose("plain") == decompose("plain") == "plain"


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        pytest.param("ci", "CI", True, id="case"),
        pytest.param("stra\u00dfe", "STRASSE", True, id="a letter that folds to two"),
        pytest.param("\ufb01le", "file", True, id="a ligature"),
        pytest.param("a  b", "a b ", True, id="blanks"),
        pytest.param("a\u00a0b", "a b", True, id="a blank of another kind"),
        pytest.param("ci1", "ci2", False, id="another digit"),
    ],
)
def test_texts_that_a_reader_cannot_tell_apart_fold_alike(one: str, other: str, alike: bool) -> None:
    assert (fold(one) == fold(other)) is alike


@given(st.text(st.characters(max_codepoint=127), max_size=20))
def test_ascii_folds_as_every_text_does(text: str) -> None:
    assert fold(text) == " ".join(normalize("NFKC", normalize("NFKC", text).casefold()).split())
