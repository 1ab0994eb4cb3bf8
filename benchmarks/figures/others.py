"""Tools that people know, with as many things to look at and nothing to do; for comparison, without an aim."""

from __future__ import annotations

import copy
import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from benchmarks.measuring import Command, run
from benchmarks.measuring import measure as run_in_turn
from benchmarks.rows import Row, compare
from benchmarks.stage import Stage

KEYS = 10_000
_OCTODNS = """\
providers:
  source: {class: octodns.provider.yaml.YamlProvider, directory: ./source, default_ttl: 300, enforce_order: false}
  target: {class: octodns.provider.yaml.YamlProvider, directory: ./target, default_ttl: 300, enforce_order: false}
zones:
  example.com.: {sources: [source], targets: [target]}
"""
_TERRAFORM = """\
resource "terraform_data" "key" {
  count = %d
  input = { name = "pipeline-${count.index}", description = "Key ${count.index} of a benchmark, for its pipeline" }
}
"""


def measure(stage: Stage) -> list[Row]:
    """Return a row for each tool that is there."""
    keys = stage.scale(KEYS)
    with stage.serving(keys) as server:
        folder = stage.prepare(server, keys)
        commands = {"plan": stage.command("plan", folder=folder), "octodns": _prepare_octodns(stage, keys)}
        terraform = shutil.which("terraform")
        if terraform and not stage.is_quick:
            commands["terraform"] = _prepare_terraform(terraform, stage.folder / "terraform", keys)
        found = run_in_turn(commands, repeats=1 if stage.is_quick else 3)
    subject = f"`keyplan plan`, {keys:,} keys, nothing to do"
    names = {
        "octodns": f"`octodns-sync` of {keys:,} records, YAML to YAML",
        "terraform": f"`terraform plan` of {keys:,} `terraform_data`",
    }
    return [
        compare(f"others/{name}", subject, found["plan"], names[name], samples, aim=None)
        for name, samples in found.items()
        if name != "plan"
    ]


def _prepare_octodns(stage: Stage, keys: int) -> Command:
    folder = stage.folder / "octodns"
    records = "".join(
        f"pipeline-{number}: {{type: TXT, ttl: 300, value: Key {number} of a benchmark}}\n" for number in range(keys)
    )
    for side in ("source", "target"):
        (folder / side).mkdir(parents=True)
        (folder / side / "example.com.yaml").write_text(f"---\n{records}")
    (folder / "config.yaml").write_text(_OCTODNS)
    program = str(stage.octodns.with_name("octodns-sync"))
    return Command(argv=(program, "--config-file", "config.yaml"), folder=folder)


def _prepare_terraform(program: str, folder: Path, keys: int) -> Command:
    folder.mkdir()
    quiet = ("-input=false", "-no-color")
    (folder / "main.tf").write_text(_TERRAFORM % 1)
    run(Command(argv=(program, "init", *quiet), folder=folder))
    run(Command(argv=(program, "apply", "-auto-approve", *quiet), folder=folder))
    (folder / "main.tf").write_text(_TERRAFORM % keys)
    _multiply(folder / "terraform.tfstate", keys)
    return Command(argv=(program, "plan", "-detailed-exitcode", *quiet), folder=folder)


def _multiply(path: Path, keys: int) -> None:
    """Make a state of one instance one of all: to apply them takes Terraform more than 20 minutes."""
    state = json.loads(path.read_text())
    (resource,) = state["resources"]
    (first,) = resource["instances"]
    resource["instances"] = [_number(first, number) for number in range(keys)]
    path.write_text(json.dumps(state))


def _number(first: dict[str, Any], number: int) -> dict[str, Any]:
    instance = copy.deepcopy(first)
    attributes = instance["attributes"]
    instance["index_key"] = number
    attributes["id"] = str(uuid.UUID(int=number))
    for side in ("input", "output"):
        attributes[side]["value"] = {
            "name": f"pipeline-{number}",
            "description": f"Key {number} of a benchmark, for its pipeline",
        }
    return instance
