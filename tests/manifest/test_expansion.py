"""Texts that only a shell would expand are refused where they stand, with what to write instead."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.manifest.expansion import may_be_unexpanded, report_unexpanded
from keyplan.manifest.problems import START, Problems

FindProblems = Callable[[str], tuple[str, ...]]
HEAD = "version: 1\nowner: ml\n"
KEYS = "keys: []\n"
WHOLE = "write the whole path, such as /home/NAME/..."


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "provider: {credential: {file: '~/key'}}",
            f"3:31: file '~/key' begins with '~', which keyplan does not expand; {WHOLE}",
        ),
        (
            "ledger: {path: '${HOME}/l.db'}",
            "3:16: path '${HOME}/l.db' holds '${HOME}', which keyplan does not fill in; write the text itself",
        ),
        (
            "sinks: {x: {type: file, path: '~'}}",
            f"3:31: path '~' begins with '~', which keyplan does not expand; {WHOLE}",
        ),
        ("sinks: {x: {type: file, path: 'a~/~b'}}", ""),
        ("sinks: {x: {type: file, path: '~b'}}", ""),
        ("ledger: {path: '$x'}", ""),
    ],
)
def test_a_path_is_taken_as_it_is_written(find_problems: FindProblems, line: str, problem: str) -> None:
    assert find_problems(f"{HEAD}{line}\n{KEYS}") == ((problem,) if problem else ())


def test_a_path_that_is_no_text_is_told_by_the_schema_alone(find_problems: FindProblems) -> None:
    (problem,) = find_problems(f"{HEAD}ledger: {{path: 7}}\n{KEYS}")
    assert problem.startswith("3:16: ")


@pytest.mark.parametrize("name", ["~/ci", "${TEAM}-ci"])
def test_a_name_is_taken_as_it_is_written(find_key_problems: FindProblems, name: str) -> None:
    (problem,) = find_key_problems(f"- {{name: '{name}', key_type: user, sink: local}}\n")
    assert problem.startswith(f"name '{name}' ")
    assert problem.endswith(("write the name itself", "write the text itself"))


def test_a_delivery_is_checked_like_its_sink(find_key_problems: FindProblems) -> None:
    (problem,) = find_key_problems("- {name: ci, key_type: user, sink: {name: local, path: '~/x'}}\n")
    assert problem.startswith("path '~/x' begins with '~'")


@given(text=st.text(alphabet="~/${}aA ") | st.text())
def test_a_text_that_a_quick_look_passes_has_no_problem(text: str) -> None:
    problems = Problems("keys.yaml")
    report_unexpanded(text, START, problems, what="name")
    assert may_be_unexpanded(text) or not problems.listed()
