import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import OWNER, make_declaration

from keyplan.errors import InputError
from keyplan.model.identity import Address, OrganizationId, ScopeId
from keyplan.model.manifest import KeyType, OrganizationGrant, ScopeByName, SpaceGrant
from keyplan.sinks.templates import describe, fill, to_path_part, to_variable_part

FIELDS = {"name": "ci", "space": "a/b"}


def test_a_user_key_describes_itself_with_an_empty_space() -> None:
    assert describe(OWNER, make_declaration("ci")) == {
        "name": "ci",
        "key_type": "user",
        "space": "",
        "owner": OWNER,
        "address": "user/ci",
    }


def test_a_service_key_names_its_space_as_the_manifest_does() -> None:
    declaration = make_declaration(
        "ci", key_type=KeyType.SERVICE, scope=ScopeByName("production"), address=Address("service/production/ci")
    )
    assert describe(OWNER, declaration)["space"] == "production"


def test_a_key_of_several_spaces_names_the_first() -> None:
    grants = tuple(SpaceGrant(space_id=ScopeId(name)) for name in ("second", "first"))
    granted = OrganizationGrant(org_id=OrganizationId("o"), spaces=grants)
    declaration = make_declaration("ci", key_type=KeyType.SERVICE, organizations=(granted,))
    assert describe(OWNER, declaration)["space"] == "second"


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        pytest.param("secrets/{name}.env", "secrets/ci.env", id="a field among literal text"),
        pytest.param("{name}-{name}", "ci-ci", id="a field twice"),
        pytest.param("{{name}}", "{name}", id="doubled braces are braces"),
        pytest.param("{space}", "A/B", id="only values are made safe"),
        pytest.param("plain", "plain", id="no field at all"),
    ],
)
def test_a_template_is_filled(template: str, filled: str) -> None:
    make_safe = {"ci": "ci", "a/b": "A/B"}.__getitem__
    assert fill(template, FIELDS, make_safe) == filled


@pytest.mark.parametrize(
    ("template", "hint"),
    [
        pytest.param("{nmae}", "did you mean {name}", id="a near miss"),
        pytest.param("{x}", "known are: {name}, {space}", id="nothing near"),
        pytest.param("{}", "known are", id="a field without name"),
        pytest.param("{0}", "known are", id="a position"),
        pytest.param("{name.__class__}", "unknown", id="an attribute"),
        pytest.param("{name[0]}", "unknown", id="an item"),
        pytest.param("{name!r}", "alone", id="a conversion"),
        pytest.param("{name:>9}", "alone", id="a format"),
        pytest.param("{name", "not a template", id="an open brace"),
        pytest.param("name}", "not a template", id="a lone closing brace"),
    ],
)
def test_a_template_that_cannot_be_filled_says_why(template: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        fill(template, FIELDS, str)
    assert hint in caught.value.message


@pytest.mark.parametrize(
    ("value", "part"),
    [
        pytest.param("my-key_1.x", "my-key_1.x", id="portable characters stay"),
        pytest.param("Ci", "Ci", id="case stays"),
        pytest.param("a/b", "a%2Fb", id="a separator"),
        pytest.param("a\\b", "a%5Cb", id="the other separator"),
        pytest.param("..", "%2E.", id="the folder above"),
        pytest.param(".env", "%2Eenv", id="a leading dot hides"),
        pytest.param("-rf", "%2Drf", id="a leading dash is an option"),
        pytest.param("a\x00\n", "a%00%0A", id="control characters"),
        pytest.param("ü", "%C3%BC", id="not ASCII"),
        pytest.param("100%", "100%25", id="the escape itself"),
        pytest.param("", "_", id="nothing"),
        pytest.param("_", "%5F", id="what stands for nothing"),
        pytest.param("~x", "%7Ex", id="a home folder"),
    ],
)
def test_a_value_becomes_a_safe_part_of_a_path(value: str, part: str) -> None:
    assert to_path_part(value) == part


def test_long_values_are_cut_and_still_differ() -> None:
    parts = {to_path_part("n" * 200 + end) for end in ("a", "b")}
    assert len(parts) == 2
    assert all(len(part) == 100 for part in parts)


@given(st.text(max_size=300))
def test_no_value_leads_out_of_its_place(value: str) -> None:
    part = to_path_part(value)
    assert part.isascii()
    assert 0 < len(part) <= 100
    assert "/" not in part
    assert part[0] not in ".-"


@given(st.sets(st.text(max_size=8), min_size=2, max_size=8))
def test_different_values_never_share_a_part(values: set[str]) -> None:
    assert len({to_path_part(value) for value in values}) == len(values)


@pytest.mark.parametrize(
    ("value", "part"),
    [
        pytest.param("ci-pipeline", "CI_PIPELINE", id="as variables are written"),
        pytest.param("a b.ü", "A_B__", id="what no variable may hold"),
    ],
)
def test_a_value_becomes_part_of_a_variable(value: str, part: str) -> None:
    assert to_variable_part(value) == part
