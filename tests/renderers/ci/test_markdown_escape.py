"""Untrusted text in Markdown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judges import list_code, list_markup, list_readings

from keyplan.renderers.ci.markdown_escape import escape_cell, format_block, format_code, format_words
from keyplan.renderers.sanitize import sanitize


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("not created yet", "not created yet"),
        ("Plan: 2 to add, 1 to change, 0 to destroy.", "Plan: 2 to add, 1 to change, 0 to destroy."),
        ("its expires_at is in the past; don't wait (or do)", "its expires_at is in the past; don't wait (or do)"),
        ("moved from user/old to a@b c", "moved from `user/old` to `a@b` c"),
        ("overlap 24h, 1. and 2.", "overlap 24h, `1`. and `2`."),
        ("take over with `keyplan import`, or renew", "take over with `keyplan import`, or renew"),
        ("run `keyplan rotate 'user/ci'`: it helps", "run `keyplan rotate 'user/ci'`: it helps"),
        ("user/ci: its key is gone", "`user/ci`: its key is gone"),
        ("spaces (a/b, c/d) lost", "spaces (`a/b`, `c/d`) lost"),
        ("a/b`keyplan import`c/d", "`a/b keyplan import c/d`"),
        ("renew it (`keyplan rotate`).", "renew it (`keyplan rotate`)."),
        ("one ` alone", r"one `\x60` alone"),
        ("two `` beside", r"two `\x60\x60` beside"),
        ("`@all` and `[x](y)`", "`@all` and `[x](y)`"),
        ("(x)(y/z)", "`(x)(y/z)`"),
        ("see #1 and GH-1 @x for it", "see `#1` and `GH-1 @x` for it"),
        ("added deadbee defaced 1234567 tokens", "added `deadbee defaced 1234567` tokens"),
        ("two  blanks ", "two blanks"),
        ("", ""),
    ],
)
def test_plain_words_stay_words_and_all_others_are_set_in_code(text: str, written: str) -> None:
    assert format_words(text) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("user/ci", "`user/ci`"),
        ("a`b", r"`a\x60b`"),
        (" a", "`  a `"),
        ("   ", "`   `"),
        ("", "(none)"),
    ],
)
def test_code_shows_text_as_it_is(text: str, written: str) -> None:
    assert format_code(text) == written


@pytest.mark.parametrize(
    ("text", "written"), [("a|b", r"`a\|b`"), (r"a\|b", r"`a\x5c\|b`"), (r"a\\|b", r"`a\\x5c\|b`"), ("a\\", "`a\\`")]
)
def test_a_bar_in_a_cell_is_no_column(text: str, written: str) -> None:
    assert escape_cell(format_code(text)) == written


@given(st.text(st.characters(codec=None), min_size=1, max_size=30))
def test_any_words_are_inert_and_none_is_lost(text: str) -> None:
    markdown = f"a {format_words(text)}\n\n{format_code(text)}\n\n{format_block([sanitize(text)])}\n"
    assert set(list_markup(format_words(f"a {text}"))) == {"p []"}
    assert not list_readings(format_words(f"a {text}"))
    assert len(list_code(markdown)) >= 2


def test_a_block_ends_where_it_should() -> None:
    assert format_block(["````", "a"]) == "`````text\n````\na\n`````"
    assert format_block(["a"]) == "```text\na\n```"
