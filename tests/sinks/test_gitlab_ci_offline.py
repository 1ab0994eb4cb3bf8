"""The sink `gitlab-ci` without a server; `tests/sinks/test_gitlab_ci.py` has a fake one."""

from __future__ import annotations

import httpx
import pytest
from jsonschema import Draft202012Validator
from samples import LOCAL, OWNER, RENAMED_LINEAGE, make_declaration, make_receipt, make_sink_settings
from simulated.clock import SimulatedClock

from keyplan.context import PluginContext
from keyplan.errors import InputError, SinkUnavailableError
from keyplan.model.manifest import Json
from keyplan.model.observation import Slot
from keyplan.model.secret import Credential
from keyplan.net.http import open_client
from keyplan.net.retry import Gate, Retrier
from keyplan.ports import Sink
from keyplan.sinks.forge import Forge
from keyplan.sinks.gitlab.client import GitLab
from keyplan.sinks.gitlab.places import GitLabPlace, VariableName, fill_slot
from keyplan.sinks.gitlab.sink import OPTIONS, build
from keyplan.sinks.gitlab.store import write_mark


def locate(declared: str = "ci", /, **options: Json) -> Slot:
    return fill_slot(LOCAL, OWNER, make_declaration(declared), {"project": "acme/app", **options})


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        pytest.param({"project": "acme/app"}, True, id="the least"),
        pytest.param({"project": None, "group": "acme", "url": None}, True, id="nulls"),
        pytest.param({"project": "acme/app", "environment_scope": "review/*"}, True, id="scope"),
        pytest.param({"project": "acme/app", "environment_scope": "a,b"}, False, id="no scope"),
        pytest.param({"project": "acme/app", "environment_scope": "x" * 201}, False, id="long scope"),
        pytest.param({"project": "acme/app", "token": "glpat-all"}, False, id="a literal token"),
        pytest.param({"project": "acme/app", "variable_type": "env"}, False, id="unknown type"),
        pytest.param({"project": "acme/app", "scope": "x"}, False, id="unknown option"),
    ],
)
def test_options(options: dict[str, Json], fits: bool) -> None:
    assert Draft202012Validator(OPTIONS).is_valid(options) is fits


@pytest.mark.parametrize(
    ("options", "location", "path", "notes"),
    [
        pytest.param(
            {},
            "acme/app#ARIZE_API_KEY",
            "/projects/acme%2Fapp/variables",
            VariableName("KEYPLAN_ARIZE_API_KEY", "keyplan/*"),
            id="project",
        ),
        pytest.param(
            {"environment_scope": "production", "name": "{name}_KEY"},
            "acme/app@production#CI_KEY",
            "/projects/acme%2Fapp/variables",
            VariableName("KEYPLAN_CI_KEY", "keyplan/production"),
            id="scope",
        ),
        pytest.param(
            {"project": None, "group": "acme/ml", "environment_scope": "production"},
            "group:acme/ml@production#ARIZE_API_KEY",
            "/groups/acme%2Fml/variables",
            VariableName("KEYPLAN_ARIZE_API_KEY", "production"),
            id="group",
        ),
    ],
)
def test_slots(options: dict[str, Json], location: str, path: str, notes: VariableName) -> None:
    slot = locate(**options)
    place = GitLabPlace.of(slot)
    assert (slot.location, place.home.path, place.notes) == (location, path, notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"group": "acme"}, "either 'project' or 'group'", id="both"),
        pytest.param({"project": None}, "either 'project' or 'group'", id="neither"),
        pytest.param({"hidden": True, "masked": False}, "'hidden' needs 'masked: true'", id="hidden but shown"),
        pytest.param({"newline": True}, "'newline' needs 'masked: false'", id="two lines can't be masked"),
        pytest.param({"name": "2ND"}, "can't be the name", id="a digit first"),
        pytest.param({"name": "A" * 241}, "can't be the name", id="too long"),
        pytest.param({"name": "{nmae}"}, "did you mean {name}", id="unknown field"),
    ],
)
def test_places_that_are_impossible(options: dict[str, Json], message: str) -> None:
    with pytest.raises(InputError, match=message):
        locate(**options)


def build_at(url: str) -> Sink:
    context = PluginContext(
        folder="/",
        lineage=RENAMED_LINEAGE,
        clock=SimulatedClock(),
        jitter=lambda _: 0.0,
        resolve=lambda _: pytest.fail("the token is not needed yet"),
        environment={},
        say=lambda _: None,
    )
    return build(make_sink_settings({"project": "acme/app", "url": url}, sink_type="gitlab-ci"), context)


def test_no_token_is_fetched_before_it_is_needed() -> None:
    assert build_at("https://gitlab.example").abilities.holds_receipts


def test_plain_http_is_refused() -> None:
    with pytest.raises(InputError, match=r"gitlab-ci: url .* is plain http"):
        build_at("http://gitlab.example")


@pytest.mark.parametrize("receipt", [make_receipt(owner="o" * 63), make_receipt(None, owner="o" * 63)])
def test_a_mark_fits_into_a_description(receipt: object) -> None:
    assert len(write_mark(receipt)) <= 255  # type: ignore[arg-type]  # parametrize knows no types


def test_a_listing_without_end_is_an_error_and_never_taken_for_complete() -> None:
    page = [{"key": "CI", "value": "x", "environment_scope": "*"}] * 100
    transport, clock = httpx.MockTransport(lambda _: httpx.Response(200, json=page)), SimulatedClock()
    gitlab = GitLab(
        Forge(
            http=open_client(transport=transport),
            base_url="https://gitlab.com/api/v4",
            headers={},
            fetch_token=lambda: Credential("glpat-all"),
            retrier=Retrier(clock=clock, jitter=lambda most: most, gate=Gate(clock)),
        )
    )
    with pytest.raises(SinkUnavailableError, match=r"gitlab\.com.*there are more than 200000") as caught:
        gitlab.list_variables(GitLabPlace.of(locate()).home, {VariableName("CI", "*")})
    assert "max_keys" in caught.value.advice
