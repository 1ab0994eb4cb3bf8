"""Hold the table of values in the chart's README against schema and defaults; with --write, write it.

python tests/chart/values_table.py --write
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "charts" / "keyplan"
README = CHART / "README.md"
BLOCK = re.compile(r"(?<=<!-- values -->\n).*?(?=\n<!-- /values -->)", re.DOTALL)


def read_schema() -> dict[str, Any]:
    """Return the schema of the values."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert isinstance(schema, dict)
    return schema


def list_values(schema: dict[str, Any], node: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the description of every value that is not an object of fixed fields."""
    for name, given in node["properties"].items():
        described = schema["definitions"][given["$ref"].rpartition("/")[2]] if "$ref" in given else given
        if "properties" in described:
            yield from list_values(schema, described, f"{path}{name}.")
        elif name != "global":
            yield path + name, described["description"]


def find_default(values: dict[str, Any], path: str) -> object:
    """Return what values.yaml has at a path."""
    found: Any = values
    for name in path.split("."):
        found = found[name]
    return found


def write_table() -> str:
    """Return the table, in the order of the schema."""
    schema = read_schema()
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    rows = ["| value | default | what it is |", "|---|---|---|"]
    for path, description in list_values(schema, schema):
        default = json.dumps(find_default(values, path)).replace("|", "\\|")
        shown = "" if default in ('""', "{}", "[]") else f"`{default.strip(chr(34))}`"
        rows.append(f"| `{path}` | {shown} | {description.replace('|', chr(92) + '|')} |")
    return "\n".join(rows)


def main() -> int:
    """Return 0 if both agree, or were made to."""
    text, wanted = README.read_text(), write_table()
    if "--write" in sys.argv:
        README.write_text(BLOCK.sub(lambda _: wanted, text))
        return 0
    written = BLOCK.search(text)
    if written is None or written.group() != wanted:
        sys.stderr.write(f"{README} has another table: python tests/chart/values_table.py --write\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
