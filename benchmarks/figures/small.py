"""A plan of two keys at a local sandbox: what somebody waits for who has just begun."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measuring import Command, run
from benchmarks.measuring import measure as run_in_turn
from benchmarks.rows import Row, compare
from benchmarks.stage import Stage

AIM = 1.6
_MANIFEST = """\
version: 1
owner: bench
sinks:
  local: {type: file, path: "secrets/{name}.key"}
defaults: {sink: local}
keys:
  - {name: first, key_type: user, description: The first key of a benchmark}
  - {name: second, key_type: user, description: The second key of a benchmark}
"""


def measure(stage: Stage) -> list[Row]:
    """Return the row of `plan` beside importing what it needs; its requests count as its own."""
    folder = stage.folder / "small"
    folder.mkdir()
    (folder / "keys.yaml").write_text(_MANIFEST)
    with stage.sandbox() as environment:
        run(_command(stage, folder, environment, "apply", "--auto-approve"))
        commands = {
            "plan": _command(stage, folder, environment, "plan"),
            "imports": stage.script("import httpx, yaml, jsonschema"),
        }
        found = run_in_turn(commands, repeats=2 * stage.repeats)
    beside = "`import httpx, yaml, jsonschema`"
    return [compare("plan/2", "`keyplan plan`, 2 keys, at a sandbox", found["plan"], beside, found["imports"], aim=AIM)]


def _command(stage: Stage, folder: Path, environment: dict[str, str], *arguments: str) -> Command:
    return Command(argv=(stage.keyplan, *arguments), folder=folder, environment=environment)
