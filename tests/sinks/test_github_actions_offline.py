"""The sink `github-actions` without a server and without PyNaCl; `tests/sinks/test_github_actions.py` has both."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest
from jsonschema import Draft202012Validator
from samples import LOCAL, OWNER, make_declaration
from simulated.clock import SimulatedClock

from keyplan.errors import InputError, SinkDeniedError, SinkUnavailableError
from keyplan.model.manifest import Json
from keyplan.model.observation import Slot
from keyplan.model.secret import Credential
from keyplan.net.http import open_client
from keyplan.net.retry import Gate, Patience, Retrier
from keyplan.sinks.forge import Forge
from keyplan.sinks.github.client import GitHub
from keyplan.sinks.github.places import GitHubPlace, fill_slot
from keyplan.sinks.github.sink import OPTIONS

REPOSITORY: Mapping[str, Json] = {"repository": "acme/app"}


def locate(declared: str = "ci", /, **options: Json) -> Slot:
    return fill_slot(LOCAL, OWNER, make_declaration(declared), {**REPOSITORY, **options})


def open_github(*answers: httpx.Response) -> GitHub:
    """Return GitHub as it answers so, one after the other."""
    waiting, clock = list(answers), SimulatedClock()
    return GitHub(
        Forge(
            http=open_client(transport=httpx.MockTransport(lambda _: waiting.pop(0))),
            base_url="https://api.github.com",
            headers={},
            fetch_token=lambda: Credential("ghp_all"),
            retrier=Retrier(clock=clock, jitter=lambda most: most, gate=Gate(clock), patience=Patience(attempts=1)),
        )
    )


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        pytest.param({"repository": "acme/app"}, True, id="the least"),
        pytest.param({"repository": "acme/app", "environment": None, "organization": None}, True, id="nulls"),
        pytest.param({"organization": "acme", "visibility": "selected", "selected_repositories": [1]}, True, id="ids"),
        pytest.param({"repository": "app"}, False, id="no owner"),
        pytest.param({"repository": "acme/app/../other"}, False, id="a path"),
        pytest.param({"organization": "acme/app"}, False, id="an organization with a slash"),
        pytest.param({"repository": "acme/app", "token": "ghp_all"}, False, id="a literal token"),
        pytest.param({"repository": "acme/app", "api": "x"}, False, id="unknown option"),
    ],
)
def test_options(options: dict[str, Json], fits: bool) -> None:
    assert Draft202012Validator(OPTIONS).is_valid(options) is fits


@pytest.mark.parametrize(
    ("options", "location", "path"),
    [
        pytest.param({}, "acme/app#ARIZE_API_KEY", "/repos/acme/app/actions/secrets", id="repository"),
        pytest.param(
            {"environment": "qa/eu"},
            "acme/app@qa/eu#ARIZE_API_KEY",
            "/repos/acme/app/environments/qa%2Feu/secrets",
            id="environment",
        ),
        pytest.param(
            {"repository": None, "organization": "acme"},
            "acme#ARIZE_API_KEY",
            "/orgs/acme/actions/secrets",
            id="organization",
        ),
        pytest.param(
            {"dependabot": True},
            "dependabot:acme/app#ARIZE_API_KEY",
            "/repos/acme/app/dependabot/secrets",
            id="Dependabot",
        ),
        pytest.param(
            {"repository": None, "organization": "acme", "dependabot": True},
            "dependabot:acme#ARIZE_API_KEY",
            "/orgs/acme/dependabot/secrets",
            id="Dependabot of an organization",
        ),
        pytest.param({"name": "{name}_key"}, "acme/app#CI_KEY", "/repos/acme/app/actions/secrets", id="template"),
    ],
)
def test_slots(options: dict[str, Json], location: str, path: str) -> None:
    slot = locate(**options)
    assert (slot.location, GitHubPlace.of(slot).scope.path) == (location, path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"organization": "acme"}, "either 'repository' or 'organization'", id="both"),
        pytest.param({"repository": None}, "either 'repository' or 'organization'", id="neither"),
        pytest.param({"environment": "x", "dependabot": True}, "only Actions has such", id="Dependabot's environment"),
        pytest.param({"visibility": "all"}, "goes with 'organization'", id="who may use a repository's"),
        pytest.param(
            {"repository": None, "organization": "acme", "visibility": "selected"},
            "'selected_repositories' goes with",
            id="selected, but none",
        ),
        pytest.param(
            {"repository": None, "organization": "acme", "selected_repositories": [1]},
            "'selected_repositories' goes with",
            id="some, but not selected",
        ),
        pytest.param({"name": "GITHUB_KEY"}, "can't be the name", id="a name that GitHub keeps"),
        pytest.param({"name": "2ND"}, "can't be the name", id="a digit first"),
        pytest.param({"name": "A-B"}, "can't be the name", id="a hyphen"),
        pytest.param({"name": "{nmae}"}, "did you mean {name}", id="unknown field"),
    ],
)
def test_places_that_are_impossible(options: dict[str, Json], message: str) -> None:
    with pytest.raises(InputError, match=message):
        locate(**options)


def test_one_place_is_found_whatever_the_case_of_its_name() -> None:
    assert locate("Ci", name="{name}") == locate("cI", name="{name}")


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        pytest.param(httpx.Response(404, text="?"), SinkDeniedError, "not found", id="404, not JSON"),
        pytest.param(httpx.Response(403, text="?"), SinkDeniedError, "GitHub answered 403$", id="403, not JSON"),
        pytest.param(httpx.Response(404, text="<html>"), SinkDeniedError, "a web page came", id="404 of a gateway"),
        pytest.param(httpx.Response(403, text="<html>"), SinkDeniedError, "a web page came", id="403 of a gateway"),
        pytest.param(httpx.Response(200, text="<html>"), SinkUnavailableError, "a web page came", id="captive portal"),
        pytest.param(
            httpx.Response(400, json={"message": "a\x1b[2Jb"}), SinkDeniedError, "400, a \\[2Jb", id="terminal escapes"
        ),
        pytest.param(httpx.Response(200, text="?"), SinkUnavailableError, "not JSON", id="not JSON"),
        pytest.param(httpx.Response(200, json=[]), SinkUnavailableError, "unknown form", id="no object"),
        pytest.param(httpx.Response(200, json={}), SinkUnavailableError, "unknown form", id="no list"),
        pytest.param(
            httpx.Response(200, json={"secrets": [{"name": "A", "updated_at": "soon"}]}),
            SinkUnavailableError,
            "no time of change",
            id="no time",
        ),
    ],
)
def test_answers_that_are_no_good(answer: httpx.Response, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        open_github(answer).list_secrets(GitHubPlace.of(locate()).scope)


def test_a_time_of_change_is_the_last_instant_that_it_can_mean() -> None:
    answer = httpx.Response(200, json={"secrets": [{"name": "a", "updated_at": "2026-11-23T07:31:00Z"}]})
    (changed_at,) = open_github(answer).list_secrets(GitHubPlace.of(locate()).scope).values()
    assert changed_at.isoformat() == "2026-11-23T07:31:00.999999+00:00"


def test_a_listing_without_end_is_an_error_and_never_taken_for_complete() -> None:
    page = [{"name": f"A{number}", "updated_at": "2026-11-23T07:31:00Z"} for number in range(100)]
    answers = [httpx.Response(200, json={"secrets": page}) for _ in range(2001)]
    with pytest.raises(SinkUnavailableError, match=r"github\.com.*there are more than 200000") as caught:
        open_github(*answers).list_secrets(GitHubPlace.of(locate()).scope)
    assert "max_keys" in caught.value.advice
