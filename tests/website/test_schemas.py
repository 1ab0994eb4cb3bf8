"""The reference of schemas has every field that a schema has, and its examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from website.nav import ROOT
from website.schemas import list_options, write_index, write_plugin_options, write_schema

from keyplan.documents import schemas

NAMES = sorted(path.stem for path in (ROOT / "schemas").glob("*.v*.json"))
GROUPS = ("keyplan.sinks", "keyplan.ledgers", "keyplan.providers")


def list_fields(schema: object) -> Iterator[str]:
    """Yield the name of every field of a schema, however deep."""
    if isinstance(schema, Mapping):
        properties = schema.get("properties", {})
        yield from properties
        for part in (*properties.values(), *(value for name, value in schema.items() if name in ("items", "$defs"))):
            yield from list_fields(part)
        for definition in schema.get("$defs", {}).values():
            yield from list_fields(definition)


def list_values(schema: object) -> Iterator[str]:
    """Yield every value of a closed choice in a schema's own objects."""
    if isinstance(schema, Mapping):
        yield from (str(value) for value in schema.get("enum", ()))
        for part in (*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()):
            yield from list_values(part)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_every_field_and_value_of_its_schema(name: str) -> None:
    text, schema = write_schema(name), schemas.load(name)
    assert [field for field in list_fields(schema) if f"{field}`" not in text] == []
    assert [value for value in list_values(schema) if f"`{value}`" not in text] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_index_links_each_page(name: str) -> None:
    assert f"]({name}.md)" in write_index(NAMES)


def test_a_field_of_a_manifest_has_its_type_its_default_and_an_example() -> None:
    assert "`lease`\n" not in write_schema("manifest.v1")
    assert (
        "`ledger.lease`\n"
        ": How long the lock outlives a run that was killed; a run that lives renews it. At least 5s; --lease and"
        " KEYPLAN\\_LEASE say otherwise.\n"
        '  <br>[duration](#duration); default `"60s"`\n'
    ) in write_schema("manifest.v1")


def test_examples_of_a_manifest_are_yaml_of_that_field() -> None:
    text = write_schema("manifest.v1")
    assert "  formerly: [ml-team, {owner: ml-team, id: k1m2n3p4}]\n" in text
    assert yaml.safe_load("formerly: [ml-team, {owner: ml-team, id: k1m2n3p4}]")["formerly"][0] == "ml-team"


@pytest.mark.parametrize("group", GROUPS)
def test_the_options_of_every_plugin_of_keyplan_are_there(group: str) -> None:
    text = write_plugin_options()
    known: Mapping[str, Any] = list_options(group)
    assert len(known) >= 3
    for name, options in known.items():
        _, _, section = text.partition(f"### {name}\n")
        assert [field for field in options["properties"] if f"`{field}`\n" not in section.partition("\n### ")[0]] == []
