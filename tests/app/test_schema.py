"""The manifest's schema with the options of all plugins helps in an editor with each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from keyplan.app import registry
from keyplan.app.schema import merge_plugin_options
from keyplan.app.wiring import LEDGERS, PROVIDERS, SINKS
from keyplan.documents import schemas

MERGED = merge_plugin_options(schemas.load("manifest.v1"))
FRAMES: Mapping[str, Mapping[str, Any]] = {
    PROVIDERS: MERGED["$defs"]["provider"],
    LEDGERS: MERGED["properties"]["ledger"],
    SINKS: MERGED["properties"]["sinks"]["additionalProperties"],
}
PLUGINS = [(group, name) for group in FRAMES for name in registry.list_types(group)]


def list_options(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every option that a schema describes; those of the frame are only repeated there."""
    for name, field in schema.get("properties", {}).items():
        if field is not True:
            yield f"{path}.{name}", field
            yield from list_options(field, f"{path}.{name}")


@pytest.mark.parametrize(("group", "name"), PLUGINS)
def test_every_option_has_a_description_and_an_example_that_fits(group: str, name: str) -> None:
    (options,) = (one["then"] for one in FRAMES[group]["allOf"] if one["if"]["properties"]["type"]["const"] == name)
    for path, field in list_options(options, name):
        assert field.get("description"), path
        assert field.get("examples"), path
        for example in field["examples"]:
            assert Draft202012Validator(field).is_valid(example), (path, example)


def test_every_option_is_tried() -> None:
    assert len(PLUGINS) > 10


def test_each_of_several_providers_has_the_options_of_its_type() -> None:
    manifest = {"version": 1, "owner": "ml", "keys": [], "providers": {"a": {"type": "arize", "region": 3}}}
    (error,) = Draft202012Validator(MERGED).iter_errors(manifest)
    assert list(error.absolute_path) == ["providers", "a", "region"]
