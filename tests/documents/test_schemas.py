"""The published schemas are found in a wheel and beside the package, and serve editors as they stand."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from keyplan.documents.schemas import FOLDERS, load, modeline
from keyplan.errors import InputError, KeyplanError
from keyplan.model.policy import AllowRule, Rule

PROJECT = Path(__file__).parents[2]


def write(folder: Path, title: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.v1.json").write_text(json.dumps({"title": title}))
    return folder


def test_the_schema_of_the_project_is_found() -> None:
    assert load("manifest.v1") == json.loads((PROJECT / "schemas" / "manifest.v1.json").read_text())


def test_a_wheel_has_them_inside_the_package_and_an_editable_install_beside_it() -> None:
    assert FOLDERS == (PROJECT / "keyplan" / "schemas", PROJECT / "schemas")


def test_those_inside_the_package_come_first(tmp_path: Path) -> None:
    folders = (write(tmp_path / "inside", "ours"), write(tmp_path / "beside", "of another package"))
    assert load("manifest.v1", folders=folders) == {"title": "ours"}


def test_those_beside_the_package_serve_where_none_are_inside(tmp_path: Path) -> None:
    assert load("manifest.v1", folders=(tmp_path / "none", write(tmp_path / "beside", "ours"))) == {"title": "ours"}


@pytest.mark.parametrize("name", ["manifest.v9", "../pyproject", ""])
def test_an_unknown_name_lists_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"known are: manifest\.v1"):
        load(name, folders=(write(tmp_path / "x", ""),))


def test_a_broken_installation_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyplanError, match="schemas are missing"):
        load("manifest.v1", folders=(tmp_path,))


def test_a_wheel_carries_the_schemas(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(PROJECT)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        published = (PROJECT / "schemas" / "manifest.v1.json").read_bytes()
        assert archive.read("keyplan/schemas/manifest.v1.json") == published


def list_fields(schema: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every field that a schema describes."""
    if isinstance(schema, list):
        for item in schema:
            yield from list_fields(item, path)
    if isinstance(schema, dict):
        for name, field in schema.get("properties", {}).items():
            yield f"{path}.{name}", field
        for keyword, value in schema.items():
            yield from list_fields(value, f"{path}.{keyword}")


@pytest.fixture(params=["manifest.v1", "policy.v1", "provider.v1"])
def written(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return each schema of what people write."""
    return load(request.param)


def test_the_schema_of_what_people_write_is_a_schema(written: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(written)


def test_every_field_has_a_title_a_description_and_an_example_for_editors(written: dict[str, Any]) -> None:
    for path, field in list_fields(written):
        named = written["$defs"][field["$ref"].rpartition("/")[2]] if "$ref" in field else {}
        assert {"title", "description", "examples"} <= {**named, **field}.keys(), path


def test_every_default_and_example_fits_its_own_field(written: dict[str, Any]) -> None:
    for path, field in list_fields(written):
        validator = Draft202012Validator({**field, "$defs": written["$defs"]})
        for value in (*field.get("examples", ()), *([field["default"]] if "default" in field else ())):
            assert validator.is_valid(value), (path, value)


def test_defaults_are_the_fields_of_a_declaration_but_its_name_and_its_elements() -> None:
    schema = load("manifest.v1")
    declared = set(schema["$defs"]["declaration"]["properties"])
    assert set(schema["properties"]["defaults"]["properties"]) == declared - {"name", "for_each"}


def test_a_manifest_s_own_policy_has_the_rules_of_a_policy_file() -> None:
    manifest, policy = load("manifest.v1"), load("policy.v1")
    rules = {name: rule for name, rule in policy["properties"].items() if name not in ("version", "allow")}
    assert manifest["properties"]["policy"]["properties"] == rules
    shared = {name: form for name, form in policy["$defs"].items() if not name.startswith("allowed_")}
    assert {name: manifest["$defs"][name] for name in shared} == shared
    assert list(rules) == [rule.value for rule in Rule]


def test_what_manifests_may_name_is_said_by_policy_files_alone() -> None:
    assert list(load("policy.v1")["properties"]["allow"]["properties"]) == [rule.value for rule in AllowRule]
    assert "allow" not in load("manifest.v1")["properties"]["policy"]["properties"]


def test_the_schemas_of_what_people_write_say_where_they_are_published(written: dict[str, Any]) -> None:
    assert re.fullmatch(
        r"https://raw\.githubusercontent\.com/\S+/schemas/(manifest|policy|provider)\.v1\.json", written["$id"]
    )
    assert load(written["$id"].rpartition("/")[2].removesuffix(".json")) == written


def test_the_entry_for_schemastore_names_the_manifest_s_schema() -> None:
    (entry,) = json.loads((PROJECT / "schemas" / "catalog.json").read_text())["schemas"]
    assert entry["url"] == load("manifest.v1")["$id"]
    assert entry["fileMatch"] == ["keyplan.yaml", "keyplan.yml"]
    assert {"name", "description"} <= entry.keys()


def test_the_catalog_is_no_schema(tmp_path: Path) -> None:
    write(tmp_path / "x", "")
    (tmp_path / "x" / "catalog.json").write_text("{}")
    with pytest.raises(InputError, match=r"known are: manifest\.v1$"):
        load("catalog", folders=(tmp_path / "x",))


def test_a_modeline_names_the_schema_or_a_copy_of_it() -> None:
    assert modeline() == f"# yaml-language-server: $schema={load('manifest.v1')['$id']}"
    assert modeline("./manifest.v1.json") == "# yaml-language-server: $schema=./manifest.v1.json"
