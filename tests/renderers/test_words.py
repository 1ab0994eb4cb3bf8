"""The words for reasons, verbs and counts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plans import (
    CREATE,
    KEEP,
    REFRESH,
    REPLACE,
)

from keyplan.model.plan import Reason, Verb
from keyplan.renderers.words import PAST, REASONS, SIGNS, format_count, format_reason, join_words


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words(reason: Reason) -> None:
    assert REASONS[reason]


@pytest.mark.parametrize("verb", Verb)
def test_every_verb_has_a_sign_and_a_past(verb: Verb) -> None:
    assert SIGNS[verb]
    assert PAST[verb]


def test_a_change_without_fields_still_has_a_reason() -> None:
    assert format_reason(replace(REPLACE, changes=())) == "changed in the manifest"


def test_a_move_without_an_origin_still_has_a_reason() -> None:
    assert format_reason(replace(KEEP, reason=Reason.MOVED)) == "moved to another address"


def test_a_key_that_is_made_beside_an_adopted_one_says_so() -> None:
    assert format_reason(replace(CREATE, reason=Reason.ADOPTED)).startswith("a new key beside an unmanaged one")
    assert format_reason(replace(REFRESH, reason=Reason.ADOPTED)) == "an existing key is taken over"


@pytest.mark.parametrize(
    ("words", "joined"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_joined_as_in_a_sentence(words: list[str], joined: str) -> None:
    assert join_words(words) == joined


@pytest.mark.parametrize(("number", "said"), [(0, "0 keys"), (1, "1 key"), (2, "2 keys")])
def test_nouns_agree_with_their_number(number: int, said: str) -> None:
    assert format_count(number, "key") == said
