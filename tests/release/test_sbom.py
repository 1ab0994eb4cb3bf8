"""The bill of materials: what is in an installation, and nothing about where it was written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import keyplan

pytestmark = pytest.mark.release

CORE = {
    *("certifi", "click", "deepdiff", "google-re2", "httpcore", "httpx", "jsonschema", "pyyaml", "rich", "ruamel-yaml"),
    "tenacity",
}


def normalize(name: str) -> str:
    """Return a project's name as indexes compare it (PEP 503): ``ruamel.yaml`` and ``ruamel-yaml`` are one."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def bill(sbom: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(sbom.read_text())
    return read


def test_it_is_about_this_version_of_keyplan(bill: dict[str, Any]) -> None:
    root = bill["metadata"]["component"]
    assert (root["name"], root["version"]) == ("keyplan", keyplan.__version__)
    assert root["licenses"][0]["license"]["id"] == "Apache-2.0"


def test_it_lists_what_the_core_needs(bill: dict[str, Any]) -> None:
    assert {normalize(one["name"]) for one in bill["components"]} >= CORE


@pytest.mark.parametrize("name", ["pip", "pytest", "hatchling", "cyclonedx-bom", "mypy"])
def test_it_lists_nothing_that_only_we_need(bill: dict[str, Any], name: str) -> None:
    assert name not in {normalize(one["name"]) for one in bill["components"]}


def test_every_component_has_an_address_that_scanners_know(bill: dict[str, Any]) -> None:
    assert [one["name"] for one in bill["components"] if not one["purl"].startswith("pkg:pypi/")] == []


def test_what_keyplan_depends_on_is_told(bill: dict[str, Any]) -> None:
    root = next(one for one in bill["dependencies"] if one["ref"] == bill["metadata"]["component"]["bom-ref"])
    assert {normalize(re.split(r"[=@]", ref)[0]) for ref in root["dependsOn"]} >= CORE


def test_nothing_in_it_is_by_chance(bill: dict[str, Any]) -> None:
    assert "serialNumber" not in bill


def test_it_names_no_path_of_the_machine_that_wrote_it(sbom: Path) -> None:
    assert not re.search(r"file:|/tmp/|/home/|/root/", sbom.read_text())
