"""docs/glossary.md has one entry for each word, and the words for verbs, reasons and guards that views show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import pytest
from house.tree import ROOT

from keyplan.model.explanation import TableRow
from keyplan.model.plan import Guard, Reason, Verb
from keyplan.renderers.words import PAST, REASONS, ROWS, SIGNS

SECTIONS = ("Words", "Verbs", "Reasons", "Guards")
CONTRACT = frozenset(
    [
        *("action", "address", "adoption", "canary", "claimed", "creator", "credential", "declaration", "delivery"),
        *(
            "desired",
            "dialect",
            "digest",
            "drift",
            "evidence",
            "fencing number",
            "fingerprint",
            "intent",
            "key",
            "laws",
        ),
        *("lease", "ledger", "manifest", "marker", "observation", "outcome", "overlap", "overlay", "place", "plan"),
        *("provider", "raw key", "reason", "receipt", "report", "scope", "sink", "snapshot", "stray", "superseded"),
        *("unmanaged", "verb", "waiver", "wave"),
    ]
)
"""Words that the documents use without explaining them."""
_ROW = re.compile(r"\| `?(?P<word>[^|`]+?)`? \| (?P<rest>.+) \|")


@cache
def read_section(title: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the rows of the table below a heading: the word, and the other cells."""
    text = (ROOT / "docs/glossary.md").read_text()
    _, _, section = text.partition(f"\n## {title}\n")
    lines = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("|")]
    rows = [found for found in map(_ROW.fullmatch, lines[2:]) if found]
    assert len(rows) == len(lines[2:]), f"a row of {title} cannot be read"
    return tuple((row["word"], tuple(row["rest"].split(" | "))) for row in rows)


def read_words(title: str) -> Mapping[str, tuple[str, ...]]:
    """Return the cells of a table by its words."""
    return dict(read_section(title))


@pytest.mark.parametrize("title", SECTIONS)
def test_every_table_is_sorted_and_names_each_word_once(title: str) -> None:
    words = [word for word, _ in read_section(title)]
    assert words
    assert words == sorted(set(words), key=str.casefold)


def test_every_word_of_the_contract_has_an_entry() -> None:
    assert CONTRACT - read_words("Words").keys() == set()


@pytest.mark.parametrize(("word", "cells"), read_section("Words"), ids=[word for word, _ in read_section("Words")])
def test_a_meaning_is_one_sentence(word: str, cells: tuple[str, ...]) -> None:
    (meaning,) = cells
    assert meaning[0].isupper() or meaning[0] in "`[", word
    assert meaning.endswith("."), word
    assert not re.search(r"\w\. [A-Z]", meaning), word


def test_verbs_have_the_signs_and_words_of_a_plan() -> None:
    written = {word: cells[:2] for word, cells in read_section("Verbs")}
    assert written == {verb.value: (f"`{SIGNS[verb][0]}`", PAST[verb]) for verb in Verb}


def test_reasons_have_the_words_of_a_plan() -> None:
    assert read_words("Reasons") == {reason.value: (REASONS[reason],) for reason in Reason}


def test_every_guard_has_an_entry() -> None:
    assert set(read_words("Guards")) == {guard.value for guard in Guard}


SHARED = {
    **{Guard[reason.name]: words for reason, words in REASONS.items() if reason.name in Guard.__members__},
    **{guard: ROWS[TableRow[guard.name]] for guard in (Guard.EXHAUSTED, Guard.BUSY, Guard.UNKNOWN_SPACE)},
}
"""Words for guards that are the words of a reason or of a row, too."""


@pytest.mark.parametrize(("guard", "words"), SHARED.items(), ids=[guard.value for guard in SHARED])
def test_a_guard_has_the_words_of_the_reason_or_row_of_its_name(guard: Guard, words: str) -> None:
    assert read_words("Guards")[guard.value] == (words,)
