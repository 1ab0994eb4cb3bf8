"""Problems of a manifest as a sheet."""

from __future__ import annotations

from samples import make_problem

from keyplan.model.manifest import Place
from keyplan.renderers.ci.problem_sheet import sheet_of_problems
from keyplan.renderers.ci.sheet import Level, Row, Subject

SECRET = make_problem("this looks like a secret", rule="manifest/secret", line=9)
VIOLATION = make_problem("it never ends", rule="policy/require_expiry", subject="user/ci", advice="set expires_in")


def test_a_violation_is_a_row_with_its_place_and_advice() -> None:
    (row,) = sheet_of_problems("keys.yaml", [VIOLATION]).rows
    assert row == Row(
        subject="user/ci",
        mark="!",
        word="violation",
        reason="it never ends",
        rule="policy/require_expiry",
        level=Level.ERROR,
        danger=80,
        advice="set expires_in",
        place=Place("keys.yaml", 1, 1),
    )


def test_what_is_about_no_key_is_about_its_file() -> None:
    (row,) = sheet_of_problems("keys.yaml", [make_problem(file="platform.yaml")]).rows
    assert (row.subject, row.word, row.rule) == ("platform.yaml", "problem", "manifest/invalid")


def test_a_secret_comes_first_and_all_else_as_it_came() -> None:
    problems = [VIOLATION, make_problem("a"), SECRET, make_problem("b")]
    rows = sheet_of_problems("keys.yaml", problems).rows
    assert [row.reason for row in rows] == [SECRET.message, VIOLATION.message, "a", "b"]


def test_the_sheet_says_how_many_there_are() -> None:
    sheet = sheet_of_problems("keys.yaml", [VIOLATION, SECRET])
    assert (sheet.about, sheet.manifest, sheet.summary) == (Subject.VALIDATE, "keys.yaml", "2 problems.")
    assert sheet.is_different


def test_a_manifest_without_problems_has_an_empty_sheet() -> None:
    sheet = sheet_of_problems("keys.yaml", [])
    assert (sheet.rows, sheet.summary, sheet.is_different) == ((), "Valid.", False)
