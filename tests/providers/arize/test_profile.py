"""Profiles of the `ax` command line: where the API is and which key is presented, if no variable says it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from keyplan.errors import InputError
from keyplan.model.manifest import FromEnvironment, ProviderSettings
from keyplan.model.secret import Credential
from keyplan.providers.arize import find_profile
from keyplan.providers.arize.base_url import find_base_url
from keyplan.providers.arize.factory import fetch_credential
from keyplan.providers.arize.profile import list_variables
from keyplan.testing.samples import make_context

KEY = "ak-aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3"
PROFILE = f"""
[profile]
name = "ci"
[auth]
auth_method = "api-key"
api_key = "{KEY}"
[routing]
region = "eu-west-1a"
api_host = "api.arize.com"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home folder with a profile `ci`."""
    (tmp_path / ".arize" / "profiles").mkdir(parents=True)
    write(tmp_path, PROFILE)
    return tmp_path


def write(home: Path, text: str, name: str = "profiles/ci.toml") -> None:
    (home / ".arize" / name).write_text(text)


def fetch(home: Path, variables: Mapping[str, str] | None = None, **settings: Any) -> str:
    """Return the credential that a manifest with the profile presents."""
    context = make_context(environment={"HOME": str(home), **(variables or {})})
    found = fetch_credential(ProviderSettings(options={"profile": "ci"}, **settings), context)
    assert isinstance(found, Credential)
    return found.reveal()


def find(home: Path, name: str = "ci", **variables: str) -> str:
    return find_base_url({"profile": name}, {"HOME": str(home), **variables})


def test_a_profile_says_where_the_api_is(home: Path) -> None:
    assert find(home) == "https://api.eu-west-1a.arize.com"


def test_the_profile_default_is_a_file_of_its_own(home: Path) -> None:
    write(home, PROFILE.replace("eu-west-1a", "ca-central-1a"), "config.toml")
    assert find(home, "default") == "https://api.ca-central-1a.arize.com"


@pytest.mark.parametrize(
    ("routing", "url"),
    [
        ("", "https://api.arize.com"),
        ('single_host = "arize.corp.test"\nsingle_port = "8443"', "https://arize.corp.test:8443"),
        ('base_domain = "corp.test"', "https://api.corp.test"),
        ('api_host = "127.0.0.1:4040"\napi_scheme = "http"', "http://127.0.0.1:4040"),
        ('region = "${WHERE:us-east-1b}"', "https://api.us-east-1b.arize.com"),
    ],
)
def test_each_way_of_routing_is_known(home: Path, routing: str, url: str) -> None:
    write(home, f"[routing]\n{routing}\n")
    assert find(home) == url


def test_a_variable_goes_before_the_profile(home: Path) -> None:
    assert find(home, ARIZE_API_HOST="api.test") == "https://api.test"
    assert find(home, ARIZE_REGION="CA") == "https://api.ca-central-1a.arize.com"
    assert find(home, ARIZE_REGION="") == "https://api.eu-west-1a.arize.com"


def test_a_base_url_beside_a_profile_is_refused(home: Path) -> None:
    with pytest.raises(InputError, match="exclude each other"):
        find_base_url({"profile": "ci", "region": "eu-west-1a"}, {"HOME": str(home)})


def test_its_key_is_presented_if_nothing_else_is_named(home: Path) -> None:
    assert fetch(home) == KEY


def test_another_credential_goes_before_that_of_the_profile(home: Path) -> None:
    assert fetch(home, {"ARIZE_API_KEY": "of-the-variable"}) == "of-the-variable"
    assert fetch(home, {"OTHER": "of-the-manifest"}, credential=FromEnvironment("OTHER")) == "of-the-manifest"


def test_a_key_may_stand_in_a_variable(home: Path) -> None:
    write(home, PROFILE.replace(KEY, "${ARIZE_CI_KEY}"))
    assert fetch(home, {"ARIZE_CI_KEY": KEY}) == KEY
    assert list(list_variables("ci", {"HOME": str(home)})) == ["ARIZE_CI_KEY"]
    with pytest.raises(InputError, match="ARIZE_CI_KEY, which is not set"):
        fetch(home)


@pytest.mark.parametrize(
    "text",
    [
        f'[auth]\napi_key = "{KEY}',
        f'[auth]\napi_key = "{KEY} {KEY}"',
        f'auth = "{KEY}"',
        f"[auth]\nauth_method = 'oauth'\n[auth.oauth]\naccess_token = '{KEY}'",
        "x" * 100_000,
        "",
    ],
    ids=["no TOML", "no header", "no section", "OAuth", "too long", "empty"],
)
def test_what_cannot_be_used_is_refused_and_never_quoted(home: Path, text: str) -> None:
    write(home, text)
    with pytest.raises(InputError) as caught:
        fetch(home)
    assert KEY not in f"{caught.value!r} {caught.value.advice} {caught.value.__cause__!r} {caught.value.__context__!r}"


def test_a_profile_that_is_not_there_is_named(home: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the ax profile 'other' cannot be read"):
        find(home, "other")
    with pytest.raises(InputError, match="HOME is not set"):
        find_base_url({"profile": "ci"}, {})
    assert list(list_variables("other", {"HOME": str(tmp_path)})) == []


def test_a_profile_is_found_in_the_options() -> None:
    assert find_profile({"profile": "ci"}) == "ci"
    assert find_profile({}) is None
    assert FromEnvironment("ARIZE_API_KEY") == ProviderSettings().credential
