"""How keyplan's most frequent records are best made: `python -m benchmarks.records [--rounds N]`.

Plans N keys (10,000 unless said otherwise) with `keyplan.model.quick`, with plain frozen dataclasses and with
`msgspec.Struct`, in turn. Prints medians of processor time and memory, and the median of the ratios within each round.
See docs/decisions/0013-quick-dataclasses.md.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from statistics import median

from benchmarks.measuring import Samples
from benchmarks.measuring import measure as run_in_turn
from benchmarks.stage import Stage, pip

_VARIANTS = ("quick", "plain", "msgspec")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.records", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--keys", type=int, default=10_000)
    given = parser.parse_args()
    stage = Stage(is_quick=False)
    try:
        pip(stage.python, "msgspec")
        with stage.serving(given.keys) as server:
            folder = stage.prepare(server, given.keys)
            commands = {name: replace(stage.peer("plan_with", name, "plan"), folder=folder) for name in _VARIANTS}
            found = run_in_turn(commands, repeats=given.rounds)
    finally:
        stage.close()
    sys.stdout.writelines(_line(name, samples, found["quick"]) for name, samples in found.items())


def _line(name: str, samples: Samples, own: Samples) -> str:
    rounds = zip(samples.runs, own.runs, strict=True)
    ratios = sorted(mine.processor_seconds / its.processor_seconds for mine, its in rounds)
    quartile = len(ratios) // 4
    middle_half = f"{ratios[quartile]:.3f} to {ratios[-1 - quartile]:.3f}"
    seconds = f"{samples.processor_seconds:6.3f} s, {median(ratios):.3f} of quick ({middle_half})"
    return f"{name:<9} {seconds}, {median(run.peak_mb for run in samples.runs):.1f} MB\n"


if __name__ == "__main__":
    main()
