"""What GitHub Actions is told: annotations, a step's summary, a step's outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judges import Command, read_command, read_outputs
from sheets import BLOCKED, CALM, CREATED, DIGEST, DRIFT, PLAN, REPLACED, SHEETS, STRANGER, make_rows
from sheets import sheets as any_sheets
from syrupy.assertion import SnapshotAssertion

from keyplan.model.place import Place
from keyplan.renderers.ci.forges import ANNOTATIONS_SHOWN, render_annotations, render_outputs, render_step_summary
from keyplan.renderers.ci.markdown import render_markdown
from keyplan.renderers.sheet import Level, Row, Sheet

LONGEST_MESSAGE = 4_096
DELIMITER = "keyplan-1f"


TO_DO = replace(CREATED, advice="look at it")


def annotate(*rows: Row) -> list[Command]:
    lines = render_annotations([replace(PLAN, rows=rows)]).splitlines()
    return [command for command in map(read_command, lines) if command]


def write_outputs(*some: Sheet, plan_path: str = "", digest: str = "", delimiter: str = DELIMITER) -> str:
    return render_outputs(some, exit_status=2, digest=digest, plan_path=plan_path, delimiter=delimiter)


@pytest.mark.parametrize("some", SHEETS.values(), ids=SHEETS)
def test_annotations_read_like_this(some: Sequence[Sheet], snapshot: SnapshotAssertion) -> None:
    assert render_annotations(some) == snapshot


def test_outputs_read_like_this(snapshot: SnapshotAssertion) -> None:
    assert write_outputs(PLAN, digest=DIGEST, plan_path="plan.json") == snapshot


def test_the_worst_of_all_sheets_comes_first() -> None:
    lines = render_annotations([DRIFT, PLAN]).splitlines()
    assert [line.partition(" ")[0] for line in lines] == [*["::error"] * 2, *["::warning"] * 2]
    assert "gone (drift) user/ci" in lines[0]


def test_an_annotation_stands_at_the_declaration() -> None:
    (command,) = annotate(replace(TO_DO, place=Place("./envs/a,b:c%.yaml", 12, 5)))
    assert command.properties == {"file": "envs/a,b:c%.yaml", "line": "12", "col": "5", "title": "create user/ci"}


def test_a_notice_is_given_only_if_there_is_something_to_do() -> None:
    assert annotate(CREATED, STRANGER) == []
    assert [command.name for command in annotate(TO_DO)] == ["notice"]


def test_what_is_declared_nowhere_has_no_place() -> None:
    (command,) = annotate(replace(TO_DO, place=None))
    assert list(command.properties) == ["title"]


def test_a_message_says_why_and_what_to_do_and_more() -> None:
    (command,) = annotate(BLOCKED)
    assert command.data.split("\n")[:2] == [BLOCKED.reason, f"what to do: {BLOCKED.advice}"]
    assert command.data.count("what to do") == 1


@pytest.mark.parametrize("level", Level)
def test_ten_of_a_kind_are_all_shown(level: Level) -> None:
    commands = annotate(*make_rows(ANNOTATIONS_SHOWN, replace(TO_DO, level=level)))
    assert [command.name for command in commands] == [level.value] * ANNOTATIONS_SHOWN
    assert all("more" not in command.properties["title"] for command in commands)


@pytest.mark.parametrize("level", Level)
def test_of_more_than_ten_the_tenth_says_how_many_and_where(level: Level) -> None:
    commands = annotate(*make_rows(ANNOTATIONS_SHOWN + 2, replace(TO_DO, level=level)))
    assert len(commands) == ANNOTATIONS_SHOWN
    assert commands[-1] == Command(
        name=level.value,
        properties={"title": f"3 more {level.value}s"},
        data="user/key-0009 keys.yaml:19\nuser/key-0010 keys.yaml:20\nuser/key-0011 keys.yaml:21",
    )


def test_of_very_many_the_tenth_names_some() -> None:
    *_, last = annotate(*make_rows(500, replace(TO_DO, place=None)))
    assert last.properties == {"title": "491 more notices"}
    assert last.data.split("\n")[-1] == "and 481 more"


def test_each_kind_has_its_own_ten() -> None:
    rows = [row for base in (BLOCKED, REPLACED, TO_DO) for row in make_rows(15, base)]
    assert len(annotate(*rows)) == 3 * ANNOTATIONS_SHOWN


@settings(max_examples=25)
@given(st.lists(any_sheets, max_size=3))
def test_any_sheets_are_annotations_and_nothing_else(some: list[Sheet]) -> None:
    commands = [read_command(line) for line in render_annotations(some).splitlines()]
    assert all(command and command.name in ("error", "warning", "notice") for command in commands)


def test_no_message_is_longer_than_a_runner_takes() -> None:
    long = "x\x1b" * 3_000
    row = replace(BLOCKED, subject=long, reason=long, advice=long, details=tuple((f"{n}", long) for n in range(40)))
    located = replace(row, place=Place(long, 10**6, 1))
    assert all(len(command.data) <= LONGEST_MESSAGE for command in annotate(*[located] * 60))


def test_a_step_s_summary_is_the_markdown() -> None:
    assert render_step_summary([PLAN, CALM], digest=DIGEST) == render_markdown([PLAN, CALM], digest=DIGEST)


def test_outputs_are_sums_over_all_sheets() -> None:
    outputs = read_outputs(write_outputs(PLAN, replace(PLAN, change=3), CALM, digest=DIGEST, plan_path="plan.json"))
    assert outputs == {
        "exitcode": "2",
        "has_changes": "true",
        "add": "4",
        "change": "3",
        "destroy": "2",
        "digest": DIGEST,
        "plan_path": "plan.json",
    }


def test_without_a_difference_there_are_no_changes() -> None:
    assert read_outputs(write_outputs(CALM))["has_changes"] == "false"


@given(st.text(), st.text())
def test_any_path_and_digest_come_out_as_they_went_in(path: str, digest: str) -> None:
    outputs = read_outputs(write_outputs(CALM, plan_path=path, digest=digest))
    assert (outputs["plan_path"], outputs["digest"], len(outputs)) == (path, digest, 7)


@pytest.mark.parametrize(
    ("delimiter", "path"),
    [
        pytest.param("EOF", "a\nEOF\nhas_changes=false", id="it occurs in a value"),
        pytest.param("", "plan.json", id="it is empty"),
        pytest.param("a\nb", "plan.json", id="it has two lines"),
        pytest.param("a\n", "plan.json", id="it ends its line"),
    ],
)
def test_a_delimiter_that_delimits_nothing_is_refused(delimiter: str, path: str) -> None:
    with pytest.raises(ValueError, match="one line that occurs in no value"):
        write_outputs(PLAN, plan_path=path, delimiter=delimiter)
