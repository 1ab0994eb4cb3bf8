"""The JSON Schemas that keyplan publishes, by name.

The project's top-level `schemas` folder is the only copy: a wheel carries it inside the package, an editable install
leaves it beside the package.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keyplan.errors import InputError, KeyplanError

_PACKAGE = Path(__file__).parents[1]
FOLDERS = (_PACKAGE / "schemas", _PACKAGE.parent / "schemas")
"""In a wheel, and in an editable install."""


def load(name: str, *, folders: Sequence[Path] = FOLDERS) -> dict[str, Any]:
    """Return a schema such as ``manifest.v1``.

    Raises InputError if there is none of that name, KeyplanError if there are none at all.
    """
    found = _find(folders)
    if name not in found:
        raise InputError(f"there is no schema '{name}'; known are: {', '.join(sorted(found))}")
    schema: dict[str, Any] = json.loads(found[name].read_bytes())
    return schema


def modeline(target: str = "") -> str:
    """Return the comment that gives editors the schema of the manifest below it: that of the URL or path `target`.

    Without one, it is the schema's own address. The form is that of yaml-language-server, which the extensions for YAML
    of VS Code, Vim and Emacs use.
    """
    return f"# yaml-language-server: $schema={target or load('manifest.v1')['$id']}"


def _find(folders: Sequence[Path]) -> dict[str, Path]:
    """Return the schemas of the first folder that has any, by name."""
    for folder in folders:
        found = {path.stem: path for path in folder.glob("*.v*.json")}
        if found:
            return found
    raise KeyplanError("keyplan's schemas are missing", advice="install keyplan again")
