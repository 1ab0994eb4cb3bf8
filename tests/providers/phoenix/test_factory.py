"""What options and module say before anything is sent."""

from __future__ import annotations

import pytest
from samples import make_context
from simulated_phoenix import Phoenix

from keyplan.errors import InputError
from keyplan.model.manifest import FromEnvironment, KeyType, ProviderSettings
from keyplan.providers import phoenix as provider


def test_the_laws_are_known_without_the_server() -> None:
    laws = provider.find_laws({"base_url": "https://phoenix.example.com"})
    assert laws is not None
    assert laws.key_types == {form.key_type for form in provider.KEY_FORMS} == {KeyType.SYSTEM}
    assert (laws.has_refresh, laws.shows_redacted, laws.shows_scopes, laws.shows_last_use) == (False,) * 4
    assert (laws.marks_prove_creator, laws.listing_proves_absence, laws.drops_expired) == (True,) * 3
    assert [form.address_pattern for form in provider.KEY_FORMS] == ["system/NAME"]


def test_the_credential_is_the_variable_of_the_server() -> None:
    assert FromEnvironment("PHOENIX_ADMIN_SECRET") == provider.CREDENTIAL


def test_a_policy_is_told_the_url_that_is_named() -> None:
    assert provider.find_named_url({"base_url": "https://phoenix.example.com/"}) == "https://phoenix.example.com"
    assert provider.find_named_url({}) is None


@pytest.mark.parametrize("url", ["http://phoenix.example.com", "https://jo:pw@phoenix.example.com", "phoenix"])
def test_a_url_that_cannot_be_used_is_found_before_anything_is_sent(url: str) -> None:
    with pytest.raises(InputError):
        provider.find_laws({"base_url": url})


@pytest.mark.parametrize("options", [{}, {"base_url": ""}, {"base_url": None}])
def test_a_missing_url_is_answered_with_the_option(options: dict[str, None]) -> None:
    with pytest.raises(InputError, match=r"provider\.base_url is missing"):
        provider.build(ProviderSettings(type="phoenix", options=options), make_context())


def test_a_provider_that_is_opened_and_closed_sends_nothing(phoenix: Phoenix) -> None:
    ports = phoenix.provider()
    ports.close()
    assert phoenix.requests == []
