"""Every option of every plugin says what it names outside the manifest, so that a policy can judge it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from keyplan.app import registry
from keyplan.app.wiring import LEDGERS, PROVIDERS, SINKS
from keyplan.model.policy import OptionAccess

TYPES = [(group, name) for group in (PROVIDERS, SINKS, LEDGERS) for name in registry.list_types(group)]
HARMLESS = {"boolean", "integer", "number", "null"}


def list_silent(schema: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the options, at any depth, that can hold a text of the manifest's choosing and do not say what it names."""
    for name, option in schema.get("properties", {}).items():
        kinds = option.get("type", [])
        kinds = {kinds} if isinstance(kinds, str) else set(kinds)
        if "x-access" in option or "enum" in option or (kinds and kinds <= HARMLESS):
            continue
        if "properties" in option:
            yield from list_silent(option, (*path, name))
        else:
            yield (*path, name)


def list_words(schema: Mapping[str, Any]) -> Iterator[str]:
    for option in schema.get("properties", {}).values():
        said = option.get("x-access", [])
        yield from [said] if isinstance(said, str) else said
        yield from list_words(option)


@pytest.mark.parametrize(("group", "name"), TYPES)
def test_every_option_says_what_it_names(group: str, name: str) -> None:
    assert list(list_silent(registry.options_schema(group, name))) == []


@pytest.mark.parametrize(("group", "name"), TYPES)
def test_what_it_says_is_known(group: str, name: str) -> None:
    assert set(list_words(registry.options_schema(group, name))) <= {access.value for access in OptionAccess}


def test_an_option_that_says_nothing_is_found() -> None:
    nested = {"properties": {"token": {"type": "string"}, "is_new": {"type": "boolean"}}}
    schema = {"properties": {"auth": {"type": "object", **nested}, "url": {"type": "string", "x-access": "url"}}}
    assert list(list_silent(schema)) == [("auth", "token")]
