"""Read a file of a plugin, such as the definition of a provider: YAML that a published schema describes.

What stands in it is looked through for secrets first, so that no later message quotes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keyplan.manifest.problems import START, Problems
from keyplan.manifest.schema import Checker, report_findings
from keyplan.manifest.secret_search import report_secrets
from keyplan.manifest.tables import ItemList, Table
from keyplan.manifest.yaml_errors import decode
from keyplan.manifest.yaml_parser import parse_yaml
from keyplan.model.checked_file import CheckedFile, JsonPath
from keyplan.model.manifest import Json
from keyplan.model.place import Place


def read_plugin_file(content: bytes, *, file: str, schema: Mapping[str, Any], family: str) -> CheckedFile:
    """Return what a file says.

    `file` is what its places are called, `family` what the ids of its problems' rules begin with.

    Raises ManifestError with all problems, in file order.
    """
    problems = Problems(file, family=family)
    text = decode(content, problems)
    root = parse_yaml(text, problems)
    if root is None:
        problems.fail(START, "the file is empty")
    report_secrets(text, root, problems)
    report_findings(Checker(schema), root, subject="the file", spot=START, problems=problems)
    problems.raise_if_any()
    return CheckedFile(
        name=file,
        values={key: _to_plain(value) for key, value in root.items()},
        find_place=lambda path: _find_place(problems, root, path),
        family=family,
    )


def _find_place(problems: Problems, root: Any, path: JsonPath) -> Place:
    spot, value = START, root
    for step in path:
        is_there = (
            step in value if isinstance(value, Table) else isinstance(value, ItemList) and step in range(len(value))
        )
        if not is_there:
            break
        spot, value = value.value_spot(step), value[step]
    return problems.place_of(spot)


def _to_plain(value: Any) -> Json:
    """Return a copy without spots."""
    if isinstance(value, Table):
        return {key: _to_plain(inner) for key, inner in value.items()}
    return [_to_plain(item) for item in value] if isinstance(value, ItemList) else value
