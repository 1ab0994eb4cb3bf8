"""The plugin: its options, and what building it does not do."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import jsonschema
import pytest
from scripted_arize import CREDENTIAL, MISSING, NO_PAGE, Arize

from keyplan.app.registry import load, options_schema
from keyplan.errors import InputError
from keyplan.model.manifest import FromEnvironment
from keyplan.providers import arize


def is_valid(options: dict[str, Any]) -> bool:
    schema = options_schema("keyplan.providers", "arize")
    return jsonschema.Draft202012Validator(schema).is_valid(options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"region": "eu-west-1a", "api": "auto"},
        {"region": "us-central-1a"},
        {"base_url": "https://x.test", "api": "beta"},
    ],
)
def test_sound_options_pass(options: dict[str, Any]) -> None:
    assert is_valid(options)


@pytest.mark.parametrize(
    "options", [{"regoin": "eu-west-1a"}, {"region": "evil.test/"}, {"api": "v3"}, {"base_url": 7}], ids=str
)
def test_unsound_options_are_refused(options: dict[str, Any]) -> None:
    assert not is_valid(options)


def test_its_options_load_without_an_http_client() -> None:
    script = "import sys, keyplan.providers.arize; print('httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_it_is_registered_under_its_name() -> None:
    assert load("keyplan.providers", "arize") is arize


def test_building_sends_nothing_and_fetches_no_credential(arize: Arize) -> None:
    arize.provider(api="auto")
    assert (arize.requests, arize.fetched, arize.said) == ([], [], [])


def test_building_refuses_an_unusable_place(arize: Arize) -> None:
    with pytest.raises(InputError, match="plain http"):
        arize.provider(base_url="http://x.test")


def test_debug_logging_shows_no_credential(arize: Arize, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    arize.on("GET", "/v2/api-keys", NO_PAGE)
    arize.provider().reader.list_keys([])
    assert CREDENTIAL not in caplog.text


# The reading door alone.

READER, OWN = FromEnvironment("ARIZE_READER_KEY"), FromEnvironment("ARIZE_API_KEY")


@pytest.mark.parametrize(
    ("named", "fetched"),
    [pytest.param(READER, READER, id="its own credential"), pytest.param(None, OWN, id="without one, the other")],
)
def test_a_reader_fetches_one_credential_and_no_other(
    arize: Arize, named: FromEnvironment | None, fetched: FromEnvironment
) -> None:
    arize.on("GET", "/v2/api-keys", NO_PAGE)
    ports = arize.reader(named)
    assert arize.fetched == []
    assert ports.reader.list_keys([]) == ()
    ports.close()
    assert arize.fetched == [fetched]


def test_a_readers_credential_that_is_missing_is_called_by_its_name(arize: Arize) -> None:
    with pytest.raises(InputError, match="NOT_SET is not set") as caught:
        arize.reader(MISSING).reader.list_keys([])
    assert caught.value.advice == "set it, or take provider.reader_credential out of the manifest"
