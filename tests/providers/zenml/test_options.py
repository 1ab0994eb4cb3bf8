"""What a manifest may say of this provider."""

from __future__ import annotations

from datetime import timedelta

import pytest
from jsonschema import Draft202012Validator
from scripted_zenml import REPLAY

from keyplan.model.manifest import FromEnvironment
from keyplan.net.deadline import ExchangeLimits
from keyplan.providers.zenml import CREDENTIAL, OPTIONS
from keyplan.providers.zenml.options import LONGEST_PATIENCE_SECONDS

URL = {"base_url": "https://zenml.example.com"}


@pytest.mark.parametrize("options", [URL, URL | {"username": "admin"}, URL | {"patience_seconds": 240}])
def test_these_options_are_taken(options: dict[str, object]) -> None:
    assert Draft202012Validator(OPTIONS).is_valid(options)


@pytest.mark.parametrize(
    "options", [{}, URL | {"username": ""}, URL | {"patience_seconds": 241}, URL | {"region": "eu"}]
)
def test_these_options_are_refused(options: dict[str, object]) -> None:
    assert not Draft202012Validator(OPTIONS).is_valid(options)


def test_a_create_is_never_repeated_after_the_server_has_forgotten_it() -> None:
    longest = LONGEST_PATIENCE_SECONDS + ExchangeLimits().seconds
    assert timedelta(seconds=longest) < REPLAY


def test_the_credential_is_a_variable_of_its_own() -> None:
    assert FromEnvironment("ZENML_ADMIN_TOKEN") == CREDENTIAL
