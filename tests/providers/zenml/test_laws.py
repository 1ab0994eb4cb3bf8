"""The laws as planning believes them, and the form of a declaration."""

from __future__ import annotations

from datetime import timedelta

import pytest

from keyplan.errors import InputError
from keyplan.model.manifest import KeyType
from keyplan.providers.zenml import KEY_FORMS, find_laws
from keyplan.providers.zenml.laws import ZENML_LAWS


def test_the_laws_need_no_server() -> None:
    assert find_laws({"base_url": "https://zenml.example.com"}) is ZENML_LAWS
    assert find_laws({}) is ZENML_LAWS


def test_a_base_url_that_cannot_be_used_is_found_without_a_server() -> None:
    with pytest.raises(InputError, match="plain http"):
        find_laws({"base_url": "http://zenml.example.com"})


def test_a_declaration_names_a_service_account() -> None:
    (form,) = KEY_FORMS
    assert (form.key_type, form.scope_field) == (KeyType.SERVICE, "service_account")
    assert form.address_pattern == "service/SERVICE_ACCOUNT/NAME"


def test_the_longest_grace_is_whole_steps() -> None:
    assert ZENML_LAWS.longest_grace % ZENML_LAWS.grace_step == timedelta(0)
