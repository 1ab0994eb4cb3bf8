"""How fast keyplan starts, where it has nothing to do."""

from __future__ import annotations

from benchmarks.measuring import measure as run_in_turn
from benchmarks.rows import Row, compare
from benchmarks.stage import Stage

AIM = 2.5
_WORDS = {"--version": ("--version",), "--help": ("--help",), "completion": ("completion", "bash")}


def measure(stage: Stage) -> list[Row]:
    """Return a row for version, help and completion, each beside importing click."""
    commands = {name: stage.command(*words, folder=stage.folder) for name, words in _WORDS.items()}
    commands["click"] = stage.script("import click")
    found = run_in_turn(commands, repeats=3 * stage.repeats)
    base = "`import click`"
    return [compare(f"start/{n}", f"`keyplan {n}`", found[n], base, found["click"], aim=AIM) for n in _WORDS]
