"""Untrusted text is harmless wherever a person sees it."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from listed_keys import make_key
from plans import CREATE, DONE, FULL, STRANGER, make_plan, make_report
from samples import make_problem

from keyplan.errors import InputError, ManifestError
from keyplan.model.identity import Address
from keyplan.renderers.machine.documents import render_inventory
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import ANSI, Style
from keyplan.renderers.text.inventory import render_csv, render_table
from keyplan.renderers.text.plan import render_plan
from keyplan.renderers.text.problems import render_error
from keyplan.renderers.text.report import render_report

ATTACKS = [
    pytest.param("\x1b[2J\x1b[H", id="clears the screen"),
    pytest.param("\x1b]0;owned\x07", id="sets the window's title"),
    pytest.param("\x1b]52;c;cm0gLXJm\x07", id="writes to the clipboard"),
    pytest.param("\x1b]8;;http://evil.test\x1b\\click\x1b]8;;\x1b\\", id="hides a link"),
    pytest.param("\x9b31m", id="C1 control sequence introducer"),
    pytest.param("\x90q\x9c", id="C1 device control string"),
    pytest.param("a\rb", id="carriage return overwrites the line"),
    pytest.param("a\nPlan: 0 to add, 0 to change, 0 to destroy.", id="a line of its own"),
    pytest.param("a\x0b\x0cb", id="vertical tab and form feed"),
    pytest.param("a\x08\x08b", id="backspaces"),
    pytest.param("a\x00b", id="null"),
    pytest.param("a\x7fb", id="delete"),
    pytest.param("\u202egnp.exe", id="right-to-left override"),
    pytest.param("\u2066a\u2069", id="isolates"),
    pytest.param("\u200e\u200f\u061c", id="direction marks"),
    pytest.param("pro\u200bduction", id="zero-width space"),
    pytest.param("\ufeffa", id="byte order mark"),
    pytest.param("a\u2028b\u2029c", id="line and paragraph separators"),
    pytest.param("a\u0085b", id="next line"),
    pytest.param("\U000e0041\U000e0042", id="invisible tags"),
    pytest.param("\ud800", id="half a surrogate pair"),
]
HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def harmful_in(text: str) -> set[str]:
    return {character for character in text if unicodedata.category(character) in HARMFUL and character != "\n"}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_come_out_as_visible_escapes(attack: str) -> None:
    shown = sanitize(attack)
    assert not harmful_in(shown)
    assert "\n" not in shown
    assert "\\" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b", r"\x1b"),
        ("\x7f", r"\x7f"),
        ("\n\r\t", r"\n\r\t"),
        ("\u202e", r"\u202e"),
        ("\U000e0041", r"\U000e0041"),
        ("C:\\temp", "C:\\temp"),
        ("schlüssel 鍵 🔑", "schlüssel 鍵 🔑"),
    ],
)
def test_escapes_are_those_of_python_and_other_text_stays(text: str, shown: str) -> None:
    assert sanitize(text) == shown


@given(st.text(st.characters(codec=None)), st.integers(10, 40))
def test_inert_text_is_short_harmless_and_stays_as_it_is(text: str, width: int) -> None:
    shown = sanitize(text, width=width)
    assert len(shown) <= width
    assert not harmful_in(shown)
    assert sanitize(shown, width=width) == shown


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert sanitize("a" * 20, width=5) == "aaaa…"


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_plan_is_harmless_whoever_wrote_its_texts(attack: str) -> None:
    assert CREATE.after
    spoilt = replace(
        CREATE,
        address=Address(attack),
        after=replace(CREATE.after, description=attack, spaces=(attack,), roles=attack),
        explanation=attack,
        consequences=(attack,),
        locations=(attack,),
    )
    plan = make_plan(spoilt, unmanaged=(replace(STRANGER, name=attack),), owner=attack, warnings=(attack,))
    assert not harmful_in(render_plan(plan))
    assert render_plan(plan).count("\nPlan:") == 1


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_report_is_harmless_whoever_wrote_its_texts(attack: str) -> None:
    spoilt = replace(DONE, action=replace(CREATE, address=Address(attack)), delivered=(attack,), notes=(attack,))
    assert not harmful_in(render_report(make_report(spoilt)))


@pytest.mark.parametrize("attack", ATTACKS)
def test_lists_of_keys_are_harmless_whoever_named_them(attack: str) -> None:
    keys = (make_key(name=attack, description=attack),)
    assert not harmful_in(render_table(keys))
    assert not harmful_in(render_csv(keys).replace("\r\n", "\n"))
    assert render_inventory(keys).isascii()


@pytest.mark.parametrize("attack", ATTACKS)
def test_errors_are_harmless_whoever_wrote_their_texts(attack: str) -> None:
    for error in (InputError(attack, advice=attack), ManifestError((make_problem(attack),))):
        assert not harmful_in(render_error(error))


def test_colour_adds_nothing_but_select_graphic_rendition() -> None:
    coloured = render_plan(FULL, Style(palette=ANSI))
    plain = coloured.replace("\x1b[0m", "")
    for code in ANSI.codes.values():
        plain = plain.replace(f"\x1b[{code}m", "")
    assert plain == render_plan(FULL)
