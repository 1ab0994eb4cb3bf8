"""Patterns of users are matched in linear time, and what RE2 reads in another way than Python is refused."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.model.patterns import MAX_PATTERN, find_fault, matches, searches

LOOK = "RE2 cannot look ahead or behind"
GROUPS = "RE2 has no references to groups"
ATOMIC = "RE2 has no atomic groups and no possessive repetition, and needs none"
FLAGS = "RE2 knows the flags i, m and s"
CLASS = "escape [, --, &&, || and ~~ in a class"


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("(?=a)a", LOOK),
        ("(?!a)b", LOOK),
        ("(?<=a)b", LOOK),
        ("(?<!a)b", LOOK),
        (r"(a)\1", GROUPS),
        ("(?P<n>a)(?P=n)", GROUPS),
        ("(?>a)", ATOMIC),
        ("a*+", ATOMIC),
        ("a{2}+", ATOMIC),
        ("(a)(?(1)b|c)", "RE2 has no conditions"),
        ("(?#why)a", "RE2 has no comments"),
        ("(?x) a", FLAGS),
        ("(?a)a", FLAGS),
        ("(?L:a)", FLAGS),
        ("(?u)a", FLAGS),
        ("(?U)a", FLAGS),
        ("(?ix)a", FLAGS),
        (r"a\Z", r"write \z for the end of the text; the text must match as a whole anyway"),
        (r"\u00e9", r"write the character itself, or \x{...} with its number"),
        (r"\N{BULLET}", r"write the character itself, or \x{...} with its number"),
        (r"\Qa", r"\C and \Q are not for policies"),
        ("a{,5}", "write {0,n} for {,n}, which RE2 takes for plain text"),
        ("[[a]b]", CLASS),
        ("[a-z&&b]", CLASS),
        ("[a-z--b]", CLASS),
        ("[a||b]", CLASS),
        ("[a~~b]", CLASS),
        ("[]&&a]", CLASS),
        ("[[:foo:]]", "invalid character class range: [:foo:]"),
        ("(", "missing ): (?:()"),
        ("a)", "unexpected ): (?:a))"),
        ("a**", "bad repetition operator: **"),
        ("a{99999999999}", "RE2 repeats 1000 times at most"),
        ("a{1,99999999999}", "RE2 repeats 1000 times at most"),
        ("a{1001}", "invalid repetition size: {1001}"),
        (r"\d" * MAX_PATTERN, "it has more than 10,000 characters"),
        (r"(\pL{1000})" * 9, "pattern too large - compile failed"),
    ],
)
def test_what_is_not_a_pattern_is_refused_with_its_reason(pattern: str, fault: str) -> None:
    assert find_fault(pattern) == fault


def test_sound_patterns_that_are_too_large_together_are_refused() -> None:
    patterns = [rf"{number}\pL{{150}}" for number in range(9)]
    assert {find_fault(pattern) for pattern in patterns} == {""}
    assert find_fault(*patterns) == "pattern too large - compile failed"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("[a-z][a-z0-9-]*", "ci-1"),
        ("[[:alpha:]]+", "ab"),
        (r"\pL+", "größe"),
        (r"\x{e9}|\xe9", "é"),
        (r"a\{,5}", "a{,5}"),
        (r"[(?=]", "?"),
        (r"[\[a]", "["),
        (r"[\\1]", "1"),
        (r"\(\?=", "(?="),
        ("[]a]", "]"),
        ("[^]a]", "b"),
        ("[+*]", "+"),
        ("(?P<team>a)b", "ab"),
        ("(?<team>a)b", "ab"),
        ("(?:a)b", "ab"),
        ("(?i:A)b", "ab"),
        ("(?i)A", "a"),
        ("(?-s:.)", "a"),
        (r"\\+", "\\"),
        ("a.b", "a\nb"),
        ("a|bc", "bc"),
        ("^ab$", "ab"),
        (r"\Aab\z", "ab"),
        ("", ""),
    ],
)
def test_a_sound_pattern_matches_the_whole_text(pattern: str, text: str) -> None:
    assert find_fault(pattern) == ""
    assert matches(text, (pattern,))
    assert not matches(f"{text}\n", (pattern,))


def test_flags_and_choices_of_one_pattern_do_not_reach_the_next() -> None:
    patterns = ("(?i)x|a", "b|c")
    assert [matches(text, patterns) for text in ("X", "a", "c", "C", "xc")] == [True, True, True, False, False]


def test_letters_and_digits_are_those_of_ascii() -> None:
    assert not matches("ö", (r"\w",))
    assert not matches("٣", (r"\d",))


def test_half_a_character_is_neither_a_letter_nor_a_question_mark() -> None:
    assert not matches("\ud800", (r"\pL|[a-z?\x{fffd}]",))


def test_a_part_of_a_text_is_found() -> None:
    assert searches("b", "abc")
    assert not searches("^b", "abc")
    with pytest.raises(ValueError, match="missing"):
        searches("(", "a")


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*a){20}b", "((a?){30}){30}b", "(.?){1000}b", "(a|b|ab)*c"])
def test_no_pattern_takes_long(pattern: str) -> None:
    start = time.perf_counter()
    assert not matches("a" * 1000 + "!", (pattern,))
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("text", ["[" * MAX_PATTERN, "[a" * 5000, "[^" * 5000, "(?" * 5000, "(?i" * 3000, "\\" * 9999])
def test_looking_at_a_pattern_takes_not_long_either(text: str) -> None:
    start = time.perf_counter()
    assert find_fault(text)
    assert time.perf_counter() - start < 2


ELEMENTS = [*"ab.^$", "[ab]", "[^a]", "[b-d]", "a*", "b+", "b?", "a{1,2}", "(a|b)", "(?:a|)", "(?i:A)", r"\-"]


@given(st.lists(st.sampled_from(ELEMENTS), max_size=6), st.text("abAc-\n", max_size=6))
def test_common_patterns_mean_what_they_mean_in_python(elements: list[str], text: str) -> None:
    pattern = "".join(elements)
    # A `$` of Python's also stands before a last line break.
    expected = re.fullmatch(pattern.replace("$", r"\Z"), text, re.DOTALL) is not None
    assert find_fault(pattern) == ""
    assert matches(text, (pattern,)) is expected
