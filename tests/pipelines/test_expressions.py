"""The expressions of workflows: what our reader makes of them, and that it refuses what it does not know."""

from __future__ import annotations

from typing import Any

import pytest
from pipelines.expressions import Scope, UnknownExpressionError
from pipelines.steps import UnknownError, only, read_outputs

CONTEXTS = {
    "github": {"event": {"pull_request": {"number": 7}}, "repository": "octo/keys"},
    "inputs": {"comment": "true", "empty": ""},
    "steps": {"run": {"outputs": {"digest": "abc"}}},
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("inputs.comment == 'true'", True),
        ("inputs.comment == 'TRUE'", True),
        ("inputs.comment != 'true'", False),
        ("!cancelled() && inputs.comment == 'true'", True),
        ("inputs.empty || github.event.pull_request.number", 7),
        ("github.event.nothing.there || 'none'", "none"),
        ("(inputs.empty || inputs.comment) && steps.run.outputs.digest", "abc"),
        ("steps.run.outputs.other", None),
        ("'it''s'", "it's"),
        ("always() && false", False),
        ("failure()", False),
    ],
)
def test_an_expression_has_the_value_that_github_gives_it(expression: str, value: Any) -> None:
    assert Scope(CONTEXTS).evaluate(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "inputs.missing",
        "steps.other.outputs.x",
        "matrix.os",
        "hashFiles('x')",
        "1 + 1",
        "inputs.comment ==",
        "(true",
        "true true",
        "contains(github.ref, 'x')",
        "github.event[0]",
    ],
)
def test_what_it_does_not_know_is_refused(expression: str) -> None:
    with pytest.raises(UnknownExpressionError):
        Scope(CONTEXTS).evaluate(expression)


@pytest.mark.parametrize(
    ("condition", "runs_after_success", "runs_after_failure"),
    [
        (None, True, False),
        ("${{ inputs.comment == 'true' }}", True, False),
        ("inputs.comment == 'true'", True, False),
        ("${{ !cancelled() && inputs.comment == 'true' }}", True, True),
        ("${{ failure() }}", False, True),
        ("${{ always() && inputs.empty }}", False, False),
    ],
)
def test_a_step_after_a_failure_runs_only_where_its_condition_asks_for_it(
    condition: str | None, runs_after_success: bool, runs_after_failure: bool
) -> None:
    assert Scope(CONTEXTS).holds(condition) is runs_after_success
    assert Scope(CONTEXTS, failed=True).holds(condition) is runs_after_failure


def test_holes_in_a_text_are_filled_and_null_is_empty() -> None:
    assert Scope(CONTEXTS).fill("${{ github.repository }}/${{ github.nothing }}!") == "octo/keys/!"


def test_outputs_are_read_in_both_forms() -> None:
    assert read_outputs("a=1=2\nb<<END\nx=y\n\nz\nEND\na=3\n") == {"a": "3", "b": "x=y\n\nz"}


def test_a_key_that_the_runner_does_not_know_is_refused() -> None:
    with pytest.raises(UnknownError, match="continue-on-error"):
        only({"run": "true", "continue-on-error": "true"}, "run", "env")
