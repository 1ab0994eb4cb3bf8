"""Plans of grown accounts at every width: what a reviewer must see is seen, and the rest takes little room."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from large_plans import GROWN, ROTATIONS, block_foreign, cut, rotate
from plans import BLOCKED, DELETE, NOW, make_plan
from syrupy.assertion import SnapshotAssertion

from keyplan.model.identity import Address, KeyId
from keyplan.model.plan import Action, Blocked, Guard, Plan, Reason, Verb
from keyplan.renderers.danger import Danger, order_actions, rate_danger
from keyplan.renderers.style import Reader, Style
from keyplan.renderers.text.plan import render_plan

WIDTHS = (60, 80, 100, 200)
SCREEN = 24
PLANS = {
    "a grown account": GROWN,
    "sixty rotations": ROTATIONS,
    "an account before its keys are adopted": block_foreign(49),
}
READER = Reader(now=NOW, to_local=lambda instant: instant)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_large_plan_reads_like_this(plan: Plan, width: int, snapshot: SnapshotAssertion) -> None:
    assert render_plan(plan, Style(width=width)) == snapshot


@pytest.mark.parametrize("width", WIDTHS)
def test_sixty_rotations_fit_on_one_screen(width: int) -> None:
    assert len(render_plan(ROTATIONS, Style(width=width)).splitlines()) <= SCREEN


def test_verbose_opens_every_row_and_shows_the_whole_digest() -> None:
    text = render_plan(ROTATIONS, Style(width=100, is_verbose=True))
    assert [str(action.address) in text for action in ROTATIONS.actions] == [True] * 60
    assert re.search(r"^Digest: [0-9a-f]{64}$", text, re.MULTILINE)
    assert "--verbose" not in text


def test_what_rows_share_stands_once() -> None:
    text = render_plan(make_plan(*map(cut, range(3))))
    assert text.count("the old raw key stops working at once") == 1


def test_many_keys_that_stop_at_once_are_all_named() -> None:
    text = render_plan(make_plan(*map(cut, range(300))), Style(width=80))
    assert re.findall(r"\bbatch-(\d+)\b", text) == sorted(map(str, range(300)))


def test_a_key_that_ends_twice_is_counted_twice() -> None:
    many = [replace(DELETE, key_id=KeyId(f"key-{number}")) for number in range(11)]
    assert "user keys: old (11 keys)" in render_plan(make_plan(*many))


def test_a_rename_shows_the_line_to_paste_whatever_the_width() -> None:
    long = f"user/{'n' * 90}"
    created = next(action for action in GROWN.actions if "2027" in action.address)
    plan = make_plan(replace(created, address=Address("user/new")), replace(DELETE, address=Address(long)))
    assert f"moved_from: [{long}]" in " ".join(render_plan(plan, Style(width=60)).split())


def test_among_several_candidates_no_rename_is_guessed() -> None:
    several = make_plan(*GROWN.actions, replace(DELETE, address=Address("service/research/other")))
    assert "moved_from" not in render_plan(several)


def test_an_address_that_yaml_would_read_otherwise_is_quoted() -> None:
    created = next(action for action in GROWN.actions if "2027" in action.address)
    plan = make_plan(
        replace(created, address=Address("user/new")), replace(DELETE, address=Address("user/a, b]\u202e: #"))
    )
    assert r'moved_from: ["user/a, b]\u202e: #"]' in render_plan(plan)


def test_a_command_to_paste_stays_on_one_line() -> None:
    command = "keyplan import user/release QXBpS2V5OjE6YUFhYmNkZWZnaGlqa2xtbm9w"
    for width in WIDTHS[1:]:
        assert command in render_plan(GROWN, Style(width=width))


def test_the_reader_of_a_terminal_sees_how_far_a_time_is() -> None:
    later = f"it is deleted by the first apply after {(NOW + timedelta(days=3)):%Y-%m-%dT%H:%M:%SZ}"
    kept = Action(address=Address("user/slow"), verb=Verb.KEEP, reason=Reason.OVERLAPPING, explanation=later)
    assert "after 2026-11-26T07:31:00Z (in 3 days)" in render_plan(make_plan(kept), Style(width=100, reader=READER))
    assert "(in 3 days)" not in render_plan(make_plan(kept))


def test_a_strangers_text_gets_no_time_of_ours() -> None:
    plan = make_plan(
        replace(GROWN.actions[-1], before=replace(ROTATIONS.actions[0].after, name="2026-11-26T07:31:00Z"))
    )  # type: ignore[type-var]  # a rotation has a new key
    assert "in 3 days" not in render_plan(plan, Style(width=200, reader=READER))


ADDRESSES = st.builds(
    lambda space, name: Address(f"service/{space}/{name}"),
    st.sampled_from(["a", "production", "a-space-with-a-long-name"]),
    st.text("abcdefgh-_.0123456789", min_size=1, max_size=60),
)
GUARDS = st.none() | st.builds(
    Blocked, guard=st.sampled_from(Guard), advice=st.sampled_from(["do this: keyplan plan", "ask its owner"])
)
ACTIONS = st.lists(
    st.builds(
        replace,
        st.sampled_from([rotate(1), cut(1), DELETE, BLOCKED, *GROWN.actions[-6:]]),
        address=ADDRESSES,
        blocked=GUARDS,
        cuts_off=st.booleans(),
    ),
    max_size=60,
)


@given(actions=ACTIONS, width=st.integers(60, 200), is_verbose=st.booleans())
def test_no_line_is_wider_than_the_terminal_and_no_word_is_broken(
    actions: list[Action], width: int, is_verbose: bool
) -> None:
    plan = make_plan(*actions)
    whole = render_plan(plan, Style(is_verbose=is_verbose))
    fitted = render_plan(plan, Style(width=width, is_verbose=is_verbose))
    assert [line for line in fitted.splitlines() if len(line) > width] == []
    # A word that is longer than the terminal has room for is shortened in the middle, never broken.
    kept = [word for word in fitted.split() if "…" not in word]
    assert set(kept) <= set(whole.split())
    assert len(fitted.split()) == len(whole.split())


@given(actions=ACTIONS, width=st.sampled_from(WIDTHS))
def test_every_key_that_ends_or_is_blocked_is_named_without_verbose(actions: list[Action], width: int) -> None:
    shown = render_plan(make_plan(*actions), Style(width=width))
    whole = render_plan(make_plan(*actions))
    for action in actions:
        if rate_danger(action) in (Danger.CUTS_OFF, Danger.DESTROYS, Danger.BLOCKED):
            name = action.address.rpartition("/")[2]
            assert name in whole
            assert name in shown or "…" in shown


@given(actions=ACTIONS)
def test_the_worst_comes_first(actions: list[Action]) -> None:
    dangers = [rate_danger(action) for action in order_actions(actions)]
    assert dangers == sorted(dangers)
