"""What a manifest adds to a definition."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from providers.http.connected import ADMIN, connect, script

from keyplan.errors import InputError, ManifestError
from keyplan.model.checked_file import CheckedFile
from keyplan.providers.http import CREDENTIAL, KEY_FORMS, OPTIONS, find_laws_in_files, find_named_url

Load = Callable[..., CheckedFile]
EMPTY: dict[str, Any] = {"data": []}


def write_basic(secret: str) -> str:
    return f"Basic {base64.b64encode(secret.encode()).decode()}"


@pytest.mark.parametrize(
    ("scheme", "options", "presented"),
    [
        ("bearer", {}, {"Authorization": f"Bearer {ADMIN}"}),
        ({"header": "X-API-Key"}, {}, {"X-API-Key": ADMIN}),
        ("basic", {}, {"Authorization": write_basic(ADMIN)}),
        ("basic", {"username": "me"}, {"Authorization": write_basic(f"me:{ADMIN}")}),
    ],
)
def test_the_credential_is_presented_as_the_definition_says(
    load: Load, tmp_path: Path, scheme: object, options: dict[str, Any], presented: dict[str, str]
) -> None:
    load(authentication=scheme)
    server = script(EMPTY)
    connect(server, tmp_path, **options).reader.list_keys(())
    headers = server.requests[0].headers
    assert {name: headers[name] for name in presented} == presented


def test_a_user_name_without_basic_authentication_is_a_mistake(load: Load, tmp_path: Path) -> None:
    load()
    with pytest.raises(InputError, match=r"provider\.username"):
        connect(script(EMPTY), tmp_path, username="me")


def test_the_manifest_s_base_url_wins(load: Load, tmp_path: Path) -> None:
    load()
    server = script(EMPTY)
    ports = connect(server, tmp_path, base_url="https://mine.test/proxy/")
    ports.reader.list_keys(())
    assert ports.reader.base_url == "https://mine.test/proxy"
    assert str(server.requests[0].url) == "https://mine.test/proxy/keys"


def test_one_of_manifest_and_definition_has_to_name_the_base_url(load: Load, tmp_path: Path) -> None:
    load(base_url=None)
    with pytest.raises(InputError, match="names no base_url"):
        connect(script(EMPTY), tmp_path)


def test_variables_are_filled_in_and_have_defaults(load: Load, tmp_path: Path) -> None:
    load(
        list__path="/p/${project}/keys",
        list__query={"zone": "${zone}"},
        variables={"project": {}, "zone": {"default": "eu"}},
    )
    server = script(EMPTY)
    ports = connect(server, tmp_path, variables={"project": "a/b"})
    ports.reader.list_keys(())
    assert server.lines() == ["GET /p/a%2Fb/keys?zone=eu"]
    assert ports.reader.base_url == "https://acme.test/p/a%2Fb/keys"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "needs a value for: project"),
        ({"project": "p", "projekt": "p"}, "did you mean 'project'"),
        ({"x": "1"}, "no variable 'x'"),
    ],
)
def test_variables_are_those_of_the_definition(
    load: Load, tmp_path: Path, variables: dict[str, Any], message: str
) -> None:
    load(list__path="/p/${project}/keys", variables={"project": {}})
    with pytest.raises(InputError, match=message):
        connect(script(EMPTY), tmp_path, variables=variables)


def test_a_definition_that_contradicts_itself_is_refused_when_the_provider_is_built(load: Load, tmp_path: Path) -> None:
    load(delete__path="/keys")
    with pytest.raises(ManifestError, match=r"acme\.yaml:[0-9]+:"):
        connect(script(EMPTY), tmp_path)


def test_validate_learns_the_laws_from_the_definition(load: Load) -> None:
    file = load()
    laws = find_laws_in_files({"definition": "acme.yaml"}, lambda _path, _schema: file)
    assert (laws.dialect, laws.has_refresh) == ("Acme", False)


@pytest.mark.parametrize(("options", "url"), [({}, ""), ({"base_url": "https://a.test/"}, "https://a.test")])
def test_a_url_that_only_the_definition_names_is_known_to_no_policy(options: dict[str, Any], url: str) -> None:
    assert find_named_url(options) == url


def test_the_module_says_what_can_be_declared() -> None:
    (form,) = KEY_FORMS
    assert (form.key_type.value, form.scope_field, form.address_pattern) == ("api", "", "api/NAME")
    assert CREDENTIAL.name == "KEYPLAN_PROVIDER_CREDENTIAL"
    assert OPTIONS["required"] == ["definition"]
