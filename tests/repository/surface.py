"""Every name of keyplan that users and programs rely on, one a line: `python -m repository.surface --write`.

`surface.txt` is what is published. A name may be added by any change; one that is missing has to go as
docs/stability.md says, and then leaves the file by hand. `--write` adds what is new, at a release.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
from repository.workflows import ROOT, parse

import keyplan
from keyplan import errors, plugin
from keyplan.app.exit_codes import ExitStatus
from keyplan.cli.main import cli

FILE = Path(__file__).with_name("surface.txt")
_METRIC = re.compile(r'"(keyplan_[a-z_]+)"')


def list_commands() -> Iterator[str]:
    """Yield each command, its options, and the variables that stand for them."""

    def walk(command: click.Command, path: str) -> Iterator[str]:
        yield f"command {path}"
        context = click.Context(command, info_name=path)
        for parameter in command.get_params(context):
            if isinstance(parameter, click.Option) and not parameter.hidden:
                yield from (f"option {path} {name}" for name in (*parameter.opts, *parameter.secondary_opts))
                variables = parameter.envvar or ()
                yield from (f"variable {name}" for name in ([variables] if isinstance(variables, str) else variables))
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                if found and not found.hidden:
                    yield from walk(found, f"{path} {name}")

    yield from walk(cli, "keyplan")


def list_statuses() -> Iterator[str]:
    """Yield each exit status that is not an error's, and each error with its own."""
    yield from (f"status {status.value} {status.name}" for status in ExitStatus)
    for name, found in vars(errors).items():
        if isinstance(found, type) and issubclass(found, errors.KeyplanError):
            yield f"status {found.exit_status} {name}"


def list_schemas() -> Iterator[str]:
    """Yield each schema, and the place of each field in it; the events by their types."""
    for path in sorted((ROOT / "schemas").glob("*.v*.json")):
        name, schema = path.name.removesuffix(".json"), json.loads(path.read_text())
        yield f"schema {name}"
        yield from (f"field {name} {place}" for place in _list_fields(schema, ""))
        if name.startswith("event."):
            yield from (f"event {found}" for found in sorted(_list_types(schema)))


def _list_fields(schema: Any, place: str) -> Iterator[str]:
    if isinstance(schema, list):
        for inner in schema:
            yield from _list_fields(inner, place)
    if not isinstance(schema, dict):
        return
    for name, inner in schema.get("properties", {}).items():
        yield f"{place}/{name}"
        yield from _list_fields(inner, f"{place}/{name}")
    for name, inner in schema.get("$defs", {}).items():
        yield from _list_fields(inner, f"{place}#{name}")
    for keyword in ("items", "additionalProperties", "oneOf", "anyOf", "allOf", "then", "else"):
        yield from _list_fields(schema.get(keyword), place)


def _list_types(schema: Any) -> Iterator[str]:
    """Yield each value of a property named `type`."""
    if isinstance(schema, list):
        for inner in schema:
            yield from _list_types(inner)
    elif isinstance(schema, dict):
        kind = schema.get("properties", {}).get("type", {})
        yield from (kind.get("enum") or ([kind["const"]] if "const" in kind else []))
        for inner in schema.values():
            yield from _list_types(inner)


def list_metrics() -> Iterator[str]:
    """Yield each metric that a run or the service writes."""
    for path in (ROOT / "keyplan" / "renderers" / "machine").glob("*.py"):
        yield from (f"metric {name}" for name in _METRIC.findall(path.read_text()))


def list_python() -> Iterator[str]:
    """Yield what `import keyplan` and `import keyplan.plugin` offer."""
    yield from (f"python {name}" for name in keyplan.__all__)
    yield from (f"plugin {name}" for name in plugin.__all__)


def list_types() -> Iterator[str]:
    """Yield each type of provider, sink and ledger, and the inputs and outputs of the action."""
    for kind in ("provider", "sink", "ledger"):
        yield from (f"{kind} {found.name}" for found in entry_points(group=f"keyplan.{kind}s") if found.dist is not None
                    and found.dist.name == "keyplan")  # fmt: skip
    action = parse(ROOT / "action.yml")
    for part in ("inputs", "outputs"):
        yield from (f"action {part}.{name}" for name in action[part])


def list_surface() -> list[str]:
    """Return every name, sorted."""
    sources = (list_commands, list_statuses, list_schemas, list_metrics, list_python, list_types)
    return sorted({line for source in sources for line in source()})


def read_published() -> list[str]:
    """Return what is published."""
    return FILE.read_text().splitlines()


def main() -> int:
    """Print what is missing and what is new, or add what is new to the file."""
    published, current = set(read_published()) if FILE.exists() else set[str](), set(list_surface())
    sys.stdout.write("".join(f"missing: {line}\n" for line in sorted(published - current)))
    sys.stdout.write("".join(f"new: {line}\n" for line in sorted(current - published)))
    if "--write" in sys.argv[1:]:
        FILE.write_text("".join(f"{line}\n" for line in sorted(published | current)))
    return 1 if published - current else 0


if __name__ == "__main__":
    sys.exit(main())
