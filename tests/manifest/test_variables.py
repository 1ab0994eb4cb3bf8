"""`${...}` stands for a variable, a variable of the environment that is listed, or the element of `for_each`."""

from __future__ import annotations

import pytest
from composed_manifests import HEAD, Texts

DECLARED = HEAD + "vars: {stage: staging, empty: ''}\nenvironment: [TEAM, UNSET]\n"
SECRET = "ghp_0123456789abcdefghijABCDEFGHIJ012345"


def describe(description: str, head: str = DECLARED) -> Texts:
    return Texts(
        f"{head}keys:\n  - {{name: ci, key_type: user, description: '{description}'}}\n", environment={"TEAM": "ada"}
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param("${var.stage}", "staging", id="a variable"),
        pytest.param("in ${var.stage} of ${env:TEAM}", "in staging of ada", id="two in one text"),
        pytest.param("[${var.empty}]", "[]", id="an empty text is a value"),
        pytest.param("$${var.stage}", "${var.stage}", id="a literal"),
        pytest.param("$$${var.stage} $ {x} $x", "$${var.stage} $ {x} $x", id="signs that mean nothing"),
    ],
)
def test_an_expression_stands_for_its_value(written: str, read: str) -> None:
    assert describe(written).read().keys[0].description == read


@pytest.mark.parametrize(
    ("written", "message"),
    [
        pytest.param(
            "${var.stag}", "variable 'stag' is not declared under 'vars'; did you mean 'stage'?", id="a misspelt one"
        ),
        pytest.param("${env:HOME}", "variable 'HOME' is not declared under 'environment'", id="one that is not listed"),
        pytest.param("${env:UNSET}", "'UNSET' is not set in the environment", id="one that is not set"),
        pytest.param("${each}", "'${each}' has a value only in a declaration with 'for_each'", id="no element"),
        pytest.param(
            "${TEAM}",
            "'${TEAM}' is unknown; known are ${var.NAME}, ${env:NAME}; a literal '${' is written '$${'",
            id="as a shell would write it",
        ),
        pytest.param(
            "a ${var.stage", "'${var.stage' is not closed; a literal '${' is written '$${'", id="without an end"
        ),
    ],
)
def test_what_stands_for_nothing_is_a_problem(written: str, message: str) -> None:
    assert describe(written).problems() == [f"keys.yaml:9:45: {message}"]


@pytest.mark.parametrize("written", ["${var.stage}", "${env:TEAM}", "${each}", "${each.key}"])
def test_a_variable_without_a_declaration_of_any_is_a_problem(written: str) -> None:
    needed = "'for_each'" if "each" in written else "'vars' or 'environment'"
    assert describe(written, HEAD).problems() == [
        f"keys.yaml:7:45: '{written}' holds a variable, and the manifest has no {needed}"
    ]


def test_the_user_gives_values_by_files_and_options() -> None:
    texts = describe("${var.stage}")
    texts.var_files = {"a.yaml": "stage: a\n", "b.yaml": "stage: b\n"}
    assert texts.read().keys[0].description == "b"
    texts.variables = {"stage": "c"}
    assert texts.read().keys[0].description == "c"


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        pytest.param(
            "stage: 3\n", "f.yaml:1:8: variable 'stage' must be text; put it between quotation marks", id="number"
        ),
        pytest.param(
            "stgae: x\n", "f.yaml:1:1: variable 'stgae' is not declared under 'vars'; did you mean 'stage'?", id="name"
        ),
        pytest.param("- a\n", "f.yaml:1:1: a file of variables is a mapping of fields, and this is none", id="a list"),
    ],
)
def test_what_a_file_of_variables_cannot_give_is_told_where_it_stands(file: str, problem: str) -> None:
    texts = describe("x")
    texts.var_files = {"f.yaml": file}
    assert texts.problems() == [problem]


def test_a_variable_that_the_manifest_does_not_declare_cannot_be_given() -> None:
    texts = describe("x")
    texts.variables = {"stgae": "x"}
    assert texts.problems() == [
        "keys.yaml:6:7: --var: variable 'stgae' is not declared under 'vars'; did you mean 'stage'?"
    ]
    texts.manifest = HEAD + "keys: []\n"
    assert texts.problems() == ["keys.yaml:1:1: --var: variable 'stgae' is not declared under 'vars'"]


def test_a_value_is_taken_as_it_is() -> None:
    texts = describe("${var.stage}")
    texts.variables = {"stage": "${var.empty} $${x}"}
    assert texts.read().keys[0].description == "${var.empty} $${x}"


def test_a_default_uses_no_other_variable() -> None:
    texts = Texts(HEAD + "vars: {a: '${var.b}', b: x}\nkeys: []\n")
    assert texts.problems() == [
        "keys.yaml:6:8: the default of variable 'a' is taken as it is, and cannot use another one"
    ]


@pytest.mark.parametrize(
    "head", ["vars: {x-1: 1}\n", "vars: {1x: a}\n", "environment: [A-B]\n", "environment: {A: b}\n"]
)
def test_names_and_values_have_a_form(head: str) -> None:
    assert len(Texts(HEAD + head + "keys: []\n").problems()) == 1


# Secrets.


def test_a_variable_that_holds_a_secret_is_never_read() -> None:
    head = (
        HEAD + "provider: {credential: {env: OURS}}\nenvironment: [OURS, THEIRS, ODD]\nledger: {path: [{env: ODD}]}\n"
    )
    texts = Texts(head + "keys: [{name: n, key_type: user, description: '${env:OURS}'}]\n")
    texts.environment, texts.refused = {"OURS": "x", "THEIRS": "y", "ODD": SECRET}, ("THEIRS",)
    assert texts.problems() == [
        "keys.yaml:7:15: 'OURS' holds a secret of this manifest, which nothing else may read",
        "keys.yaml:7:21: no THEIRS",
        "keys.yaml:7:29: 'ODD' holds a secret of this manifest, which nothing else may read",
    ]


def test_a_variable_whose_value_looks_like_a_secret_is_not_read() -> None:
    texts = describe("${env:TEAM}")
    texts.environment = {"TEAM": SECRET}
    assert texts.problems() == ["keys.yaml:7:15: the value of 'TEAM' looks like a secret; no key may hold one"]


def test_a_secret_that_the_user_gives_is_refused_and_not_shown() -> None:
    texts = describe("${var.stage}")
    texts.variables = {"stage": SECRET}
    problems = texts.problems()
    assert problems == [
        "keys.yaml:6:8: the value of variable 'stage' looks like a secret; no key may hold one",
        "keys.yaml:9:45: what this makes looks like a secret, and a manifest never holds one",
    ]


def test_halves_of_a_secret_do_not_come_together() -> None:
    head = HEAD + f"vars: {{a: {SECRET[:12]}, b: {SECRET[12:]}}}\n"
    texts = Texts(head + "keys:\n  - {for_each: [x], name: '${var.a}${var.b}/${each}', key_type: odd}\n")
    (problem,) = texts.problems()
    assert problem == (
        "keys.yaml:8:27: what this makes looks like a secret, and a manifest never holds one (for_each element 'x')"
    )
