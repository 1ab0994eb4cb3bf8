"""The sink `gcp-secret-manager` without a server and without Google's SDK."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from jsonschema import Draft202012Validator
from samples import LOCAL, OWNER, make_declaration, make_sink_settings

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.manifest import Json
from keyplan.model.observation import Slot
from keyplan.sinks.gcp.client import make_replication
from keyplan.sinks.gcp.sink import OPTIONS, build, fill_slot

LEAST: dict[str, Json] = {"project": "acme-prod", "name": "arize-{name}"}


def locate(declared: str = "ci", /, **options: Json) -> Slot:
    return fill_slot(LOCAL, OWNER, make_declaration(declared), {**LEAST, **options})


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        pytest.param(LEAST, True, id="the least"),
        pytest.param({**LEAST, "endpoint": None, "keep_versions": None}, True, id="nulls"),
        pytest.param({**LEAST, "keep_versions": 0, "locations": ["europe-west1"]}, True, id="versions and locations"),
        pytest.param({**LEAST, "keep_versions": -1}, False, id="fewer than no version"),
        pytest.param({**LEAST, "project": "a/b"}, False, id="a path for a project"),
        pytest.param({"name": "x"}, False, id="no project"),
        pytest.param({**LEAST, "field": "x"}, False, id="unknown option"),
    ],
)
def test_options(options: dict[str, Json], fits: bool) -> None:
    assert Draft202012Validator(OPTIONS).is_valid(options) is fits


@pytest.mark.parametrize(
    ("declared", "location"),
    [
        pytest.param("ci", "acme-prod/arize-ci", id="plain"),
        pytest.param("CI_2", "acme-prod/arize-CI_2", id="case and underscores stay"),
        pytest.param("team/ci", "acme-prod/arize-team-ci-71a25aec", id="others are replaced, with a digest"),
        pytest.param("..", "acme-prod/arize-5ec1f7e7", id="nothing is left of it"),
        pytest.param("x" * 101, f"acme-prod/arize-{'x' * 91}-c675a2e6", id="too long"),
    ],
)
def test_slots(declared: str, location: str) -> None:
    assert locate(declared).location == location


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("arize/{name}", "can't be a secret's id", id="a slash"),
        pytest.param("{name}" * 3 + "x" * 250, "can't be a secret's id", id="too long"),
        pytest.param("{nmae}", "did you mean {name}", id="unknown field"),
    ],
)
def test_places_that_are_impossible(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        locate(name=name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"write_only": True, "copy_from": True}, "can't be copied from", id="what can't be read"),
        pytest.param({"endpoint": "http://10.0.0.1:80"}, "plain http", id="plain http to another machine"),
    ],
)
def test_options_that_do_not_fit_together(options: dict[str, Json], message: str) -> None:
    with pytest.raises(InputError, match=message):
        # Refused before anything of the context is asked for.
        build(make_sink_settings({**LEAST, **options}), cast("PluginContext", Path()))


def test_replication_follows_the_locations() -> None:
    assert make_replication(()) == {"automatic": {}}
    assert make_replication(["europe-west1"]) == {"user_managed": {"replicas": [{"location": "europe-west1"}]}}
