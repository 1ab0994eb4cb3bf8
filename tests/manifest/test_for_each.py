"""A declaration with `for_each` stands for one key per element, and each of them has its own address."""

from __future__ import annotations

import pytest
from composed_manifests import HEAD, Texts


def repeat(for_each: str, fields: str = "name: 'n-${each}'", head: str = HEAD) -> Texts:
    return Texts(f"{head}keys:\n  - {{for_each: {for_each}, key_type: user, {fields}}}\n")


@pytest.mark.parametrize(
    ("for_each", "name", "addresses"),
    [
        pytest.param("[b, a]", "${each}", ["user/b", "user/a"], id="a list"),
        pytest.param("{b: x, a: y}", "${each.key}-${each.value}", ["user/b-x", "user/a-y"], id="a map"),
        pytest.param("{b: {t: x}, a: {t: y, u: z}}", "${each.value.t}", ["user/x", "user/y"], id="a map of maps"),
        pytest.param("[]", "x", [], id="no element"),
        pytest.param("['a/b']", "${each}", ["user/a%2Fb"], id="a slash"),
        pytest.param("['$${var.x}']", "n${each}", None, id="a literal in an element"),
    ],
)
def test_each_element_makes_a_declaration(for_each: str, name: str, addresses: list[str] | None) -> None:
    texts = repeat(for_each, f"name: '{name}'")
    if addresses is None:
        assert "'n${var.x}' holds '${var.x}', which keyplan does not fill in" in texts.problems()[0]
    else:
        assert texts.addresses() == addresses


def test_elements_may_hold_variables() -> None:
    texts = repeat("['${var.x}-1']", head=HEAD + "vars: {x: y}\n")
    assert texts.addresses() == ["user/n-y-1"]


@pytest.mark.parametrize(
    ("for_each", "name", "problem"),
    [
        pytest.param("[a, b, a]", "${each}", "7:23: element 'a' is given twice", id="twice"),
        pytest.param("3", "n", "7:16: field 'for_each' must be a list or a mapping, not a number", id="a number"),
        pytest.param("[a, 3]", "n", "7:20: an item of 'for_each' must be text, not a number", id="an item"),
        pytest.param("{a: {x: 3}}", "n", "7:24: field 'x' must be text, not a number", id="a value that is not text"),
        pytest.param(
            "{a: {x: b}, c: {}}",
            "${each.value.x}",
            "7:58: '${each.value.x}' has no value here; known are ${each.key} (for_each element 'c')",
            id="a part that one element lacks",
        ),
        pytest.param(
            "['${each}']",
            "n",
            "7:17: '${each}' has a value only in a declaration with 'for_each'",
            id="the element in itself",
        ),
    ],
)
def test_what_cannot_be_repeated_is_told_where_it_stands(for_each: str, name: str, problem: str) -> None:
    assert repeat(for_each, f"name: '{name}'").problems() == [f"keys.yaml:{problem}"]


def test_the_same_mistake_of_all_elements_is_told_once() -> None:
    texts = repeat("[a, b, c]", "name: 'n-${each}', description: '${env:X}'")
    assert texts.problems() == [
        "keys.yaml:7:75: variable 'X' is not declared under 'environment' (for_each element 'a' and 2 more)"
    ]


def test_an_alias_is_repeated_at_its_own_place() -> None:
    keys = "keys:\n  - &one {for_each: [a], key_type: user, name: '${each}'}\n  - *one\n"
    (problem,) = Texts(HEAD + keys).problems()
    assert problem == (
        "keys.yaml:8:5: address 'user/a' is declared twice; first in line 7, column 5 (for_each element 'a') "
        "(for_each element 'a')"
    )


def test_an_element_that_looks_like_a_secret_is_not_shown() -> None:
    secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
    problems = repeat(f"[{secret}]", "name: 'n'").problems()
    assert len(problems) == 1
    assert secret not in problems[0]
