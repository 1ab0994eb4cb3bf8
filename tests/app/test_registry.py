"""Types are found through entry points; the shortcut for the most ordinary ones says what those say."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from keyplan.app.registry import ORDINARY, find_credential, find_key_forms, list_types, load, options_schema
from keyplan.errors import InputError
from keyplan.model.laws import KeyForm
from keyplan.model.manifest import FromEnvironment, KeyType


@pytest.mark.parametrize(("kind", "module"), [pytest.param(*item, id=item[0][1]) for item in ORDINARY.items()])
def test_an_ordinary_type_is_registered_like_all_others(kind: tuple[str, str], module: str) -> None:
    group, name = kind
    assert [found.value for found in entry_points(group=group, name=name)] == [module]


@pytest.mark.parametrize(
    ("name", "module"), [("file", "keyplan.sinks.file"), ("command", "keyplan.sinks.command.sink")]
)
def test_a_type_is_loaded_by_its_name(name: str, module: str) -> None:
    assert load("keyplan.sinks", name).__name__ == module


def test_the_options_of_a_type_are_its_modules() -> None:
    assert options_schema("keyplan.sinks", "file") is load("keyplan.sinks", "file").OPTIONS


def test_the_types_of_a_group_are_sorted() -> None:
    assert list_types("keyplan.sinks") == tuple(sorted(entry_points(group="keyplan.sinks").names))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("fiel", "did you mean 'file'?", id="a slip names the nearest"),
        pytest.param("zzz", "known are: age, aws-secrets-manager", id="anything else lists what is known"),
    ],
)
def test_an_unknown_type_is_refused(name: str, hint: str) -> None:
    with pytest.raises(InputError, match=f"sink type '{name}' is unknown; ") as caught:
        load("keyplan.sinks", name)
    assert hint in caught.value.message


@pytest.mark.parametrize(
    ("module", "advice"),
    [
        pytest.param("keyplan.sinks.nowhere", "pip install 'keyplan[acme]'", id="keyplan's own extra"),
        pytest.param("keyplan_acme", "install what the package of keyplan_acme needs", id="a package of others"),
    ],
)
def test_a_missing_package_is_told_with_what_to_install(
    module: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution = tmp_path / "keyplan_acme-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: keyplan-acme\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text(f"[keyplan.sinks]\nacme = {module}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="'acme' needs a package that is not installed") as caught:
        load("keyplan.sinks", "acme")
    assert caught.value.advice == advice


@pytest.fixture
def _acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a provider of others that says which keys it has, and where its credential is found."""
    distribution = tmp_path / "acme_provider-1.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-provider\nVersion: 1\n")
    (distribution / "entry_points.txt").write_text("[keyplan.providers]\nacme = acme_provider\n")
    (tmp_path / "acme_provider.py").write_text(
        "from keyplan.model.laws import KeyForm\nfrom keyplan.model.manifest import FromEnvironment, KeyType\n"
        "OPTIONS = {}\nKEY_FORMS = (KeyForm(key_type=KeyType.API),)\nCREDENTIAL = FromEnvironment('ACME_KEY')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("acme_provider", None)


@pytest.mark.usefixtures("_acme")
def test_a_provider_says_which_keys_it_has_and_where_its_credential_is() -> None:
    assert find_key_forms("acme") == (KeyForm(key_type=KeyType.API),)
    assert find_credential("acme") == FromEnvironment("ACME_KEY")


@pytest.mark.parametrize("name", ["arize", "unknown"])
def test_a_provider_that_says_nothing_has_the_fields_and_the_variable_of_arize(name: str) -> None:
    assert find_key_forms(name) is None
    assert find_credential(name) == FromEnvironment("ARIZE_API_KEY")
