"""How cost grows from 1,000 keys to 10,000 and 100,000: in a straight line, and within memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from benchmarks.measuring import Samples, run
from benchmarks.measuring import measure as run_in_turn
from benchmarks.rows import Aim, Row, show
from benchmarks.stage import Stage

AIM = 11.0
MEMORY_AIM_MB = 600.0
_LARGE = 100_000
_PARTS = ("ledger", "receipts", "render text", "render json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What was measured at one number of keys."""

    plan: Samples
    validate: Samples
    parts: dict[str, float]


def measure(stage: Stage) -> list[Row]:
    """Return a row for each step of ten, for plan, validate and the parts; and the peak memory of the largest plan."""
    sizes = [stage.scale(keys) for keys in ((1_000, 10_000) if stage.is_quick else (1_000, 10_000, _LARGE))]
    found = {keys: _measure_size(stage, keys) for keys in sizes}
    rows = [row for small, large in pairwise(sizes) for row in _grow(found, small, large)]
    largest = sizes[-1]
    memory = Row(
        id=f"memory/{largest}",
        subject=f"peak memory of `keyplan plan`, {largest:,} keys",
        beside="",
        value=found[largest].plan.peak_mb,
        unit="MB",
        aim=MEMORY_AIM_MB,
    )
    return [*rows, memory]


def _measure_size(stage: Stage, keys: int) -> Size:
    with stage.serving(keys) as server:
        folder = stage.prepare(server, keys)
        commands = {
            "plan": stage.command("plan", folder=folder),
            "validate": stage.command("validate", folder=folder),
        }
        repeats = 3 if keys == _LARGE else stage.repeats
        found = run_in_turn(commands, repeats=repeats)
        parts = stage.inside("parts", str(folder))
        told = [json.loads(run(parts).output.splitlines()[-1]) for _ in range(min(3, repeats))]
    medians = {part: median(one[part] for one in told) for part in _PARTS}
    return Size(plan=found["plan"], validate=found["validate"], parts=medians)


def _grow(found: dict[int, Size], small: int, large: int) -> list[Row]:
    less, more = found[small], found[large]
    whole = {
        "plan": (less.plan.seconds, more.plan.seconds, f"{show(more.plan)} against {show(less.plan)}"),
        "validate": (
            less.validate.seconds,
            more.validate.seconds,
            f"{show(more.validate)} against {show(less.validate)}",
        ),
    }
    parts = {
        name: (less.parts[name], more.parts[name], f"{more.parts[name]:.3g} s against {less.parts[name]:.3g} s")
        for name in _PARTS
    }
    return [
        Row(
            id=f"growth/{name}/{large}",
            subject=f"{name}, {large:,} keys",
            beside=f"{small:,} keys",
            value=more_seconds / less_seconds,
            aim=AIM,
            side=Aim.AT_MOST,
            detail=detail,
        )
        for name, (less_seconds, more_seconds, detail) in (whole | parts).items()
    ]
