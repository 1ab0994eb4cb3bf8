"""A manifest to start from, and readers that need no file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from keyplan.documents.schemas import load
from keyplan.errors import InputError, ManifestError
from keyplan.manifest import PluginSchemas, read
from keyplan.model.manifest import Manifest

HEAD = """\
version: 1
owner: ml
sinks:
  local: {type: file, path: "{name}.env"}
  vault: {type: vault, mount: kv}
keys:
"""
SINKS: Mapping[str, Mapping[str, Any]] = {
    "file": {
        "type": "object",
        "required": ["path"],
        "additionalProperties": False,
        "properties": {
            "path": {"type": "string", "minLength": 1},
            "format": {"enum": ["raw", "dotenv", "json"]},
            "variable": {"type": "string"},
        },
        "if": {"required": ["format"], "properties": {"format": {"const": "dotenv"}}},
        "then": {"required": ["variable"]},
    },
    # Without `additionalProperties`, as a plugin's author may forget it.
    "vault": {
        "type": "object",
        "properties": {
            "mount": {"type": "string"},
            "name": {"type": "string"},
            "token": {"type": "object"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    },
}
ARIZE: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"region": {"type": "string"}, "api": {"enum": ["auto", "alpha", "beta"]}},
}


def _find_provider(kind: str) -> Mapping[str, Any]:
    if kind != "arize":
        raise InputError(f"provider type '{kind}' is unknown; known are: arize")
    return ARIZE


def _find_sink(kind: str) -> Mapping[str, Any]:
    if kind == "aws":
        raise InputError("'aws' needs a package that is not installed: boto3", advice="pip install 'keyplan[aws]'")
    if kind not in SINKS:
        raise InputError(f"sink type '{kind}' is unknown; known are: file, vault")
    return SINKS[kind]


def _find_ledger(kind: str) -> Mapping[str, Any]:
    if kind != "sqlite":
        raise InputError(f"ledger type '{kind}' is unknown; known are: sqlite")
    return {"type": "object", "properties": {"path": {"type": "string", "minLength": 1}}}


PLUGINS = PluginSchemas(provider=_find_provider, sink=_find_sink, ledger=_find_ledger)


@pytest.fixture(scope="session")
def read_bytes() -> Callable[[bytes], Manifest]:
    """Return a reader of a whole manifest, called keys.yaml."""
    schema = load("manifest.v1")
    return lambda data: read(data, file="keys.yaml", schema=schema, plugins=PLUGINS)


@pytest.fixture(scope="session")
def read_text(read_bytes: Callable[[bytes], Manifest]) -> Callable[[str], Manifest]:
    """Return a reader of a whole manifest as text."""
    return lambda text: read_bytes(text.encode())


@pytest.fixture(scope="session")
def read_keys(read_text: Callable[[str], Manifest]) -> Callable[[str], Manifest]:
    """Return a reader of the `keys` of a manifest whose other parts are sound."""
    return lambda keys: read_text(HEAD + keys)


@pytest.fixture(scope="session")
def find_problems(read_bytes: Callable[[bytes], Manifest]) -> Callable[[str | bytes], tuple[str, ...]]:
    """Return what tells the problems of a whole manifest, as ``line:column: message``; none if it is sound."""

    def find(text: str | bytes) -> tuple[str, ...]:
        try:
            read_bytes(text.encode() if isinstance(text, str) else text)
        except ManifestError as error:
            return tuple(str(problem).removeprefix("keys.yaml:") for problem in error.problems)
        return ()

    return find


@pytest.fixture(scope="session")
def find_key_problems(find_problems: Callable[[str], tuple[str, ...]]) -> Callable[[str], tuple[str, ...]]:
    """Return what tells the problems of `keys`, without their places, in a manifest that is sound elsewhere."""
    return lambda keys: tuple(problem.split(": ", 1)[1] for problem in find_problems(HEAD + keys))
