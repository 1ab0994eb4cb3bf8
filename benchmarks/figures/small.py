"""A plan of two keys: what somebody waits for who has just begun."""

from __future__ import annotations

from benchmarks.measuring import measure as run_in_turn
from benchmarks.rows import Row, compare
from benchmarks.stage import Stage

AIM = 1.6


def measure(stage: Stage) -> list[Row]:
    """Return the row of `plan` beside importing what it needs; its requests count as its own."""
    with stage.serving(2, spaces=1) as server:
        folder = stage.prepare(server, 2, spaces=1)
        commands = {
            "plan": stage.command("plan", folder=folder),
            "imports": stage.script("import httpx, yaml, jsonschema"),
        }
        found = run_in_turn(commands, repeats=2 * stage.repeats)
    beside = "`import httpx, yaml, jsonschema`"
    return [compare("plan/2", "`keyplan plan`, 2 keys", found["plan"], beside, found["imports"], aim=AIM)]
