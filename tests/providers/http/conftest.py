"""A server for each test of definitions, and the provider that talks to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from keyplan.app.plugin_files import make_file_reader
from keyplan.model.checked_file import CheckedFile
from keyplan.providers.http.definition import Definition
from keyplan.providers.http.definition_reader import read_definition

MINIMAL: Mapping[str, Any] = {
    "version": 1,
    "name": "Acme",
    "base_url": "https://acme.test",
    "authentication": "bearer",
    "list": {"path": "/keys", "items": "/data"},
    "fields": {
        "id": "/id",
        "name": "/name",
        "description": "/note",
        "created": "/created",
        "expires": "/expires",
        "redacted": "/hint",
    },
    "marker": "description",
    "create": {
        "path": "/keys",
        "body": {"name": "${name}", "note": "${description}", "expires": "${expires_at}"},
        "raw": "/key",
    },
    "delete": {"path": "/keys/${id}"},
    "verify": {"path": "/me"},
}
"""A definition that is whole, and has nothing beyond that."""


def change(values: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the values with changes: `list__pages` is `pages` in `list`; None takes a field away."""
    changed = {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}
    for name, value in changes.items():
        outer, _, inner = name.partition("__")
        table = changed.setdefault(outer, {}) if inner else changed
        if value is None:
            del table[inner or outer]
        else:
            table[inner or outer] = value
    return changed


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., CheckedFile]:
    """Return what writes `MINIMAL` with changes into a file, and reads it."""

    def read(**changes: Any) -> CheckedFile:
        (tmp_path / "acme.yaml").write_text(yaml.safe_dump(change(MINIMAL, **changes), sort_keys=False))
        return make_file_reader(tmp_path)("acme.yaml", "provider.v1")

    return read


@pytest.fixture
def define(load: Callable[..., CheckedFile]) -> Callable[..., Definition]:
    """Return what makes a definition of `MINIMAL` with changes."""
    return lambda **changes: read_definition(load(**changes))
