"""Problems and errors of a manifest as a sheet."""

from __future__ import annotations

from samples import make_problem

from keyplan.errors import ManifestError, Problem, ProviderUnavailableError
from keyplan.model.place import Place
from keyplan.renderers.ci.problem_sheet import build_error_sheet, build_problems_sheet
from keyplan.renderers.sheet import Level, Row, Subject

SECRET = make_problem("this looks like a secret", rule="manifest/secret", line=9)
VIOLATION = make_problem("it never ends", rule="policy/require_expiry", subject="user/ci", advice="set expires_in")


def test_a_violation_is_a_row_with_its_place_and_advice() -> None:
    (row,) = build_problems_sheet("keys.yaml", [VIOLATION]).rows
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
    (row,) = build_problems_sheet("keys.yaml", [make_problem(file="platform.yaml")]).rows
    assert (row.subject, row.word, row.rule) == ("platform.yaml", "problem", "manifest/invalid")


def test_a_secret_comes_first_and_all_else_as_it_came() -> None:
    problems = [VIOLATION, make_problem("a"), SECRET, make_problem("b")]
    rows = build_problems_sheet("keys.yaml", problems).rows
    assert [row.reason for row in rows] == [SECRET.message, VIOLATION.message, "a", "b"]


def test_the_sheet_says_how_many_there_are() -> None:
    sheet = build_problems_sheet("keys.yaml", [VIOLATION, SECRET])
    assert (sheet.about, sheet.manifest, sheet.summary) == (Subject.VALIDATE, "keys.yaml", "2 problems.")
    assert sheet.is_different


def test_a_manifest_without_problems_has_an_empty_sheet() -> None:
    sheet = build_problems_sheet("keys.yaml", [])
    assert (sheet.rows, sheet.summary, sheet.is_different) == ((), "Valid.", False)


def test_an_error_is_a_row_of_its_own() -> None:
    error = ProviderUnavailableError("it is down", advice="wait")
    (row,) = build_error_sheet(error, about=Subject.PLAN, manifest="keys.yaml").rows
    assert (row.reason, row.advice, row.rule) == ("it is down", "wait", "error/ProviderUnavailable")


def test_each_problem_of_a_manifest_is_a_row_with_its_place() -> None:
    problems = tuple(Problem(file="keys.yaml", line=line, column=3, message="name is missing") for line in (4, 9))
    rows = build_error_sheet(ManifestError(problems), about=Subject.PLAN, manifest="keys.yaml").rows
    assert [row.place and row.place.line for row in rows] == [4, 9]
