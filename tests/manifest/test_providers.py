"""Several providers have names, each with its own types of keys and credential; each mistake is one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from manifest_fixtures import PLUGINS

from keyplan.documents.schemas import load
from keyplan.errors import ManifestError
from keyplan.manifest import read
from keyplan.manifest.plugins import PluginSchemas
from keyplan.model.laws import KeyForm
from keyplan.model.manifest import (
    FromEnvironment,
    FromFile,
    KeyType,
    Manifest,
    ProviderSettings,
    ScopeByName,
    SecretSource,
)

FORMS: Mapping[str, tuple[KeyForm, ...]] = {
    "zenml": (KeyForm(key_type=KeyType.SERVICE, scope_field="service_account"),),
    "phoenix": (KeyForm(key_type=KeyType.SYSTEM), KeyForm(key_type=KeyType.USER)),
}
CREDENTIALS: Mapping[str, SecretSource] = {"zenml": FromEnvironment("ZENML_KEY"), "phoenix": FromEnvironment("PHX")}
OPTIONS = {"type": "object", "properties": {"base_url": {"type": "string"}, "username": {"type": "string"}}}


def find_options(name: str) -> Mapping[str, object]:
    return OPTIONS if name in FORMS else PLUGINS.provider(name)


SEVERAL: PluginSchemas = replace(
    PLUGINS,
    provider=find_options,
    key_forms=FORMS.get,
    credential=lambda name: CREDENTIALS.get(name, ProviderSettings().credential),
)
HEAD = "version: 1\nowner: ml\nid: k7f3a9c2\nsinks: {s: {type: file, path: x}}\n"
ALL = "providers: {main: {type: arize}, zen: {type: zenml}, phx: {type: phoenix}}\n"
USUAL = "defaults: {sink: s, provider: main}\n"
ZENML = "provider: {type: zenml}\ndefaults: {sink: s}\n"


def read_text(text: str) -> Manifest:
    return read(f"{HEAD}{text}".encode(), file="keys.yaml", schema=load("manifest.v1"), plugins=SEVERAL)


def find(text: str) -> list[str]:
    """Return the messages of the problems, without their places."""
    with pytest.raises(ManifestError) as caught:
        read_text(text)
    return [problem.message for problem in caught.value.problems]


def test_a_key_of_a_further_provider_names_it_in_its_address() -> None:
    manifest = read_text(
        f"{ALL}{USUAL}keys:\n"
        "  - {name: a, key_type: user}\n"
        "  - {name: a, key_type: user, provider: phx}\n"
        "  - {name: b, key_type: system, provider: phx}\n"
        "  - {name: a, key_type: service, provider: zen, service_account: ci/x}\n"
        "  - {name: a, key_type: service, provider: main, space: prod}\n"
    )
    assert [key.address for key in manifest.keys] == [
        "user/a",
        "phx:user/a",
        "phx:system/b",
        "zen:service/ci%2Fx/a",
        "service/prod/a",
    ]
    assert [key.provider for key in manifest.keys] == ["", "phx", "phx", "zen", ""]
    assert [key.scope for key in manifest.keys] == [None, None, None, ScopeByName("ci/x", "zen"), ScopeByName("prod")]


def test_the_usual_provider_is_the_manifests_own_and_the_others_are_sorted() -> None:
    manifest = read_text(f"{ALL}defaults: {{provider: zen}}\nkeys: []\n")
    assert [(one.type, one.name, one.label) for one in manifest.providers] == [
        ("zenml", "", "zen"),
        ("arize", "main", "main"),
        ("phoenix", "phx", "phx"),
    ]


def test_one_provider_under_its_name_needs_no_default() -> None:
    manifest = read_text("providers: {zen: {type: zenml}}\nkeys: []\n")
    assert (manifest.provider.type, manifest.provider.name, manifest.further_providers) == ("zenml", "", ())
    assert manifest.provider == read_text("provider: {type: zenml}\nkeys: []\n").provider


def test_each_type_has_a_usual_credential_of_its_own() -> None:
    manifest = read_text(f"{ALL}{USUAL}keys: []\n")
    variables = [FromEnvironment("ARIZE_API_KEY"), FromEnvironment("PHX"), FromEnvironment("ZENML_KEY")]
    assert [one.credential for one in manifest.providers] == variables


def test_of_a_login_the_password_is_the_credential_and_the_name_an_option() -> None:
    login = "credential: {username: admin, password: {file: /run/password}}"
    provider = read_text(f"provider: {{type: zenml, base_url: x, {login}, max_lifetime: 9d}}\nkeys: []\n").provider
    assert provider.credential == FromFile("/run/password")
    assert provider.options == {"base_url": "x", "username": "admin"}
    assert provider.max_lifetime == timedelta(days=9)


def test_scopes_and_roles_of_defaults_are_passed_over_for_keys_without_them() -> None:
    defaults = "defaults: {sink: s, service_account: ci, roles: {space_role: admin}, provider: phx}\n"
    manifest = read_text(f"{ALL}{defaults}keys: [{{name: a, key_type: system}}, {{name: a, key_type: user}}]\n")
    assert [key.scope for key in manifest.keys] == [None, None]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            f"{ALL}provider: {{type: arize}}\n{USUAL}keys: []\n",
            "'provider' and 'providers' exclude each other",
            id="both forms",
        ),
        pytest.param(
            f"{ALL}keys: []\n",
            "of several providers ('main', 'phx', 'zen') 'defaults' must name the usual one: "
            "defaults: {provider: NAME}",
            id="no usual one",
        ),
        pytest.param(
            f"{ALL}{USUAL}keys: [{{name: a, key_type: user, provider: mian}}]\n",
            "provider 'mian' is unknown; did you mean 'main'?",
            id="a slip",
        ),
        pytest.param(
            f"{ALL}{USUAL}keys: [{{name: a, key_type: user, provider: qqqqqq}}]\n",
            "provider 'qqqqqq' is unknown; known are 'main', 'phx', 'zen'",
            id="nothing near",
        ),
        pytest.param(
            "defaults: {sink: s}\nkeys: [{name: a, key_type: user, provider: x}]\n",
            "field 'provider' of a key goes with 'providers', and this manifest has one 'provider'",
            id="a name with one provider",
        ),
        pytest.param(
            "providers: {}\nkeys: []\n",
            "field 'providers' must not be empty",
            id="none",
        ),
        pytest.param(
            "providers: {zen: {base_url: x}}\nkeys: []\n",
            "field 'type' is missing",
            id="no type",
        ),
        pytest.param(
            "providers: {Zen: {type: zenml}}\nkeys: []\n",
            "field 'Zen' has a bad name: it must be 1 to 31 lower-case letters, digits, hyphens or underscores",
            id="a bad name",
        ),
        pytest.param(
            f"{ALL}{USUAL}keys: [{{name: a, key_type: user, provider: phx, moved_from: user/b}}]\n",
            "'user/b' is an address of another provider, from which no key can move",
            id="a move between providers",
        ),
        pytest.param(
            f"{ZENML}keys: [{{name: a, key_type: service}}]\n",
            "field 'service_account' is missing",
            id="no service account",
        ),
        pytest.param(
            f"{ZENML}keys: [{{name: a, key_type: service, service_account: ci, space: prod}}]\n",
            "field 'space' is not for keys of this provider",
            id="a field of Arize",
        ),
        pytest.param(
            f"{ALL}defaults: {{sink: s, provider: phx}}\nkeys: [{{name: a, key_type: user, service_account: ci}}]\n",
            "field 'service_account' is not for keys of this provider",
            id="a scope for keys without one",
        ),
        pytest.param(
            f"{ZENML}keys: [{{name: a, key_type: user}}]\n",
            "the provider of this key takes no keys of the type 'user'; it takes 'service'",
            id="a type that the provider lacks",
        ),
        pytest.param(
            "defaults: {sink: s}\nkeys: [{name: a, key_type: system}]\n",
            "the provider of this key takes no keys of the type 'system'; it takes 'service', 'user'",
            id="a type that Arize lacks",
        ),
        pytest.param(
            "provider: {type: zenml, credential: {username: admin}}\nkeys: []\n",
            "field 'credential' must be {env: NAME}, {file: PATH}, {command: [PROGRAM, ...]} or "
            "{username: NAME, password: {env: NAME}}; a manifest never holds the secret itself",
            id="a login without password",
        ),
        pytest.param(
            "provider: {type: arize, credential: {username: admin, password: {env: X}}}\nkeys: []\n",
            "field 'username' is unknown; known fields: api, region",
            id="a login for a provider without one",
        ),
    ],
)
def test_a_mistake_is_one_line(text: str, problem: str) -> None:
    assert find(text) == [problem]


def test_a_key_that_names_an_unusable_provider_is_not_judged_by_another() -> None:
    found = find(f"providers: {{main: {{type: arize}}, zen: 3}}\n{USUAL}keys: [{{name: a, key_type: user}}]\n")
    assert found == ["field 'zen' must be a mapping, not a number"]


def test_a_key_moves_within_its_provider_and_is_imported_by_its_id_there() -> None:
    manifest = read_text(
        f"{ALL}{USUAL}keys:\n"
        "  - {name: a, key_type: user, provider: phx, moved_from: 'phx:user/b'}\n"
        "  - {name: c, key_type: user, provider: phx, import: k1}\n"
        "  - {name: d, key_type: user, provider: phx, import: 'phx:k2'}\n"
        "  - {name: e, key_type: user, import: k1}\n"
    )
    assert manifest.keys[0].moved_from == ("phx:user/b",)
    assert [key.import_id for key in manifest.keys] == [None, "phx:k1", "phx:k2", "k1"]
