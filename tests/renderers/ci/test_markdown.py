"""Sheets as Markdown: what is shown, what is left out, and that it always fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sheets import BLOCKED, CALM, CREATED, DIGEST, DRIFT, PLAN, SHEETS, make_rows
from sheets import sheets as any_sheets
from syrupy.assertion import SnapshotAssertion

from keyplan.renderers.ci.markdown import fit_budget, render_markdown
from keyplan.renderers.ci.markdown_escape import format_words
from keyplan.renderers.sheet import Sheet, Subject

LARGE = replace(PLAN, rows=(BLOCKED, *make_rows(400)))
FLOOR_BYTES = 100
ONE_MIB = 2**20


def size(text: str) -> int:
    return len(text.encode())


@pytest.mark.parametrize("some", SHEETS.values(), ids=SHEETS)
def test_sheets_read_like_this(some: Sequence[Sheet], snapshot: SnapshotAssertion) -> None:
    assert render_markdown(some) == snapshot


def test_several_plans_with_one_digest_read_like_this(snapshot: SnapshotAssertion) -> None:
    assert render_markdown((PLAN, CALM), digest=DIGEST) == snapshot


@pytest.mark.parametrize("budget", [FLOOR_BYTES, 250, 500, 700, 1_200])
def test_a_small_budget_reads_like_this(budget: int, snapshot: SnapshotAssertion) -> None:
    text = render_markdown((PLAN, CALM), budget_bytes=budget)
    assert size(text) <= budget
    assert text == snapshot


@settings(max_examples=60)
@given(st.lists(any_sheets, max_size=4), st.integers(FLOOR_BYTES, 6_000), st.booleans())
def test_any_sheets_fit_any_budget(some: list[Sheet], budget: int, has_digest: bool) -> None:
    assert size(render_markdown(some, budget_bytes=budget, digest=DIGEST if has_digest else "")) <= budget


@pytest.mark.parametrize("budget", [1_024, 4_096, 65_536])
def test_many_rows_fit_and_use_the_room_there_is(budget: int) -> None:
    sheets = [replace(LARGE, manifest=f"envs/{number}/keys.yaml", rows=make_rows(800)) for number in range(3)]
    assert 0.75 * budget <= size(render_markdown(sheets, budget_bytes=budget)) <= budget


def test_rows_are_dropped_from_the_least_dangerous_end_and_counted() -> None:
    text = render_markdown([LARGE], budget_bytes=2_048)
    shown = text.count("| `+` create |")
    assert "user/old" in text
    assert [f"user/key-{n:04}" in text for n in range(400)] == [n < shown for n in range(400)]
    assert f"Left out for lack of space: {400 - shown} create, details of {shown + 1} keys and 1 remark." in text


def test_the_table_says_what_happens_to_consumers_because_details_are_folded_away() -> None:
    table = render_markdown([PLAN]).partition("<details>")[0]
    assert "| no longer in the manifest; if that is meant, say `--allow-deletes` 1 |" in table
    assert "| description and roles changed; the old key works for 24h after the switch |" in table


def test_terraforms_line_is_plain_text() -> None:
    line = "Apply complete! Resources: 2 added, 1 changed, 0 destroyed."
    assert format_words(line) == line


def test_details_are_dropped_before_rows() -> None:
    text = render_markdown([LARGE], budget_bytes=size(render_markdown([LARGE])) - 1)
    assert text.count("| `+` create |") == 400
    assert "Left out for lack of space: details of 1 key." in text
    assert "Details of 400 keys" in text


def test_remarks_are_dropped_after_details_and_before_rows() -> None:
    plain = replace(LARGE, rows=tuple(replace(row, details=(), advice="") for row in LARGE.rows))
    text = render_markdown([plain], budget_bytes=size(render_markdown([plain])) - 1)
    assert text.count("| `+` create |") == 400
    assert "Left out for lack of space: 1 remark." in text


def test_equally_dangerous_rows_of_several_sheets_share_the_room() -> None:
    sheets = [replace(PLAN, manifest=name, rows=make_rows(100)) for name in ("a.yaml", "b.yaml")]
    first, second = render_markdown(sheets, budget_bytes=4_096).split("### Plan: `b.yaml`")
    assert abs(first.count("| `+` create |") - second.count("| `+` create |")) <= 1


def test_the_worst_rows_of_all_sheets_get_the_room_first() -> None:
    calm, worst = replace(LARGE, rows=make_rows(400)), replace(LARGE, rows=make_rows(20, BLOCKED))
    text = render_markdown([calm, worst], budget_bytes=4_096)
    assert text.count("| `!` delete (blocked) |") == 20


def test_every_sheet_keeps_its_summary_before_any_gets_a_row() -> None:
    sheets = [replace(LARGE, manifest=f"{number}.yaml") for number in range(9)]
    text = render_markdown(sheets, budget_bytes=2_500)
    assert text.count(PLAN.summary) == 9
    assert "| What |" not in text


def test_sheets_without_room_are_counted_the_worst_of_them_being_shown() -> None:
    sheets = [*(replace(CALM, manifest=f"{number}.yaml") for number in range(40)), PLAN]
    text = render_markdown(sheets, budget_bytes=1_024)
    assert PLAN.manifest in text
    hidden = 41 - text.count("###")
    assert f"{hidden} more manifests left out, none with differences." in text


@pytest.mark.parametrize(
    ("some", "said"),
    [
        ([], "No manifests.\n"),
        ([PLAN], "1 manifest, 1 with differences. No space for more.\n"),
        ([CALM, CALM], "2 manifests, none with differences. No space for more.\n"),
    ],
)
def test_with_no_room_at_all_the_shortest_honest_text_is_said(some: list[Sheet], said: str) -> None:
    assert render_markdown(some, budget_bytes=0) == said
    assert size(said) <= FLOOR_BYTES


def test_words_that_are_left_out_are_named_up_to_a_limit() -> None:
    rows = tuple(replace(CREATED, word=chr(ord("a") + n), danger=0) for n in range(10))
    assert ", 1 h and 2 of other kinds." in render_markdown([replace(CALM, rows=rows)], budget_bytes=300)


@pytest.mark.parametrize("about", [Subject.APPLY, Subject.DRIFT, Subject.VALIDATE])
def test_only_a_plan_says_how_to_apply_it(about: Subject) -> None:
    assert f"keyplan apply --expect {DIGEST} {PLAN.manifest}" in render_markdown([PLAN])
    assert "keyplan apply" not in render_markdown([replace(PLAN, about=about)])


@pytest.mark.parametrize("name", ["a b.yaml", "$(id)", "-o", "a;b", "'", "x" * 400])
def test_a_name_that_a_shell_reads_something_into_is_no_part_of_a_command(name: str) -> None:
    assert f"keyplan apply --expect {DIGEST}\n" in render_markdown([replace(PLAN, manifest=name)])


@pytest.mark.parametrize("digest", ["$(id)", "a b", "`id`"])
def test_what_is_no_digest_is_no_part_of_a_command(digest: str) -> None:
    assert "keyplan apply" not in render_markdown([replace(PLAN, digest=digest)])
    assert "keyplan apply" not in render_markdown([PLAN, CALM], digest=digest)


def test_one_digest_of_several_plans_replaces_their_own() -> None:
    text = render_markdown([PLAN, CALM], digest="ab" * 32)
    assert text.count("keyplan apply") == 1
    assert f"keyplan apply --expect {'ab' * 32} {PLAN.manifest} {CALM.manifest}\n" in text


def test_a_command_names_no_more_manifests_than_fit_a_line() -> None:
    assert f"--expect {DIGEST}\n" in render_markdown([CALM] * 30, digest=DIGEST)


def test_nothing_is_said_twice() -> None:
    assert render_markdown([PLAN]).count("--allow-deletes 1") == 1


def test_a_drift_has_no_digest() -> None:
    assert DIGEST not in render_markdown([DRIFT])


def test_a_whole_summary_of_a_step_fits_github_s_limit() -> None:
    assert size(render_markdown([replace(PLAN, rows=make_rows(9_000))], budget_bytes=1_000_000)) < ONE_MIB


@given(st.integers(1, 60), st.integers(0, 80))
def test_what_fits_is_as_much_as_fits(most: int, budget: int) -> None:
    text = fit_budget(lambda level: "a" * (level + 1), most=most, budget_bytes=budget)
    assert len(text) == max(1, min(budget, most + 1))
