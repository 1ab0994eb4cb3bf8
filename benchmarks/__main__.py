"""Measure every figure and write RESULTS.md: `python -m benchmarks [--quick] [--only FIGURE]...`.

Leaves with 1 where an aim is missed that `explained` does not explain.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from benchmarks.explained import EXPLAINED
from benchmarks.figures import applying, growth, latency, many, others, plan, small, spaces, start, validate
from benchmarks.rows import Aim, Row
from benchmarks.stage import Stage

FIGURES: dict[str, ModuleType] = {
    "start": start,
    "small": small,
    "plan": plan,
    "latency": latency,
    "validate": validate,
    "apply": applying,
    "spaces": spaces,
    "growth": growth,
    "many": many,
    "others": others,
}
RESULTS = Path(__file__).with_name("RESULTS.md")
_PACKAGES = ("click", "deepdiff", "httpx", "jsonschema", "keyplan", "pyyaml", "rich", "tenacity")


def main() -> None:
    """Measure, print, write, and leave."""
    given = _parse()
    stage = Stage(is_quick=given.quick)
    rows: list[Row] = []
    try:
        for name in given.only or FIGURES:
            sys.stdout.write(f"{name} ...\n")
            found = FIGURES[name].measure(stage)
            sys.stdout.write("".join(f"  {_line(row)}\n" for row in found))
            sys.stdout.flush()
            rows += found
        if not given.only and not given.quick:
            RESULTS.write_text(render(rows, stage))
    finally:
        stage.close()
    missed = [row.id for row in rows if not row.is_met and row.id not in EXPLAINED]
    if missed:
        sys.stdout.write(f"missed and not explained: {', '.join(missed)}\n")
    sys.exit(1 if missed else 0)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, nothing larger than 10,000 keys")
    parser.add_argument("--only", action="append", choices=list(FIGURES), help="one figure; repeatable")
    return parser.parse_args()


def _line(row: Row) -> str:
    value = f"{row.value:8.2f} {row.unit:<3} ({_aim(row)})"
    return f"{_verdict(row):<9} {value}  {row.subject} | {row.beside} | {row.detail}"


def _verdict(row: Row) -> str:
    if row.side is Aim.NONE:
        return "-"
    return "met" if row.is_met else "explained" if row.id in EXPLAINED else "MISSED"


def _aim(row: Row) -> str:
    return row.side.value if row.side is Aim.NONE else f"{row.side.value} {row.aim:g} {row.unit}"


def render(rows: Sequence[Row], stage: Stage) -> str:
    """Return the results as Markdown."""
    return "\n".join([*_head(stage), *_table(rows), "", *_explanations(rows)]).rstrip() + "\n"


def _head(stage: Stage) -> list[str]:
    listed = subprocess.run(
        [stage.python, "-m", "pip", "list", "--format=freeze"], check=True, capture_output=True, text=True
    )
    versions = sorted(line for line in listed.stdout.splitlines() if line.split("=")[0].lower() in _PACKAGES)
    return [
        "# What keyplan costs",
        "",
        "Written by `make bench`; docs/performance.md says what it means. Times are medians of whole processes,",
        "in brackets the least and the most; a ratio is the median of the ratios within each round, in which",
        "all sides ran in turn.",
        "",
        f"- When: {datetime.now(UTC):%Y-%m-%d}",
        f"- Machine: {os.cpu_count()} cores, {_processor()}, {platform.system()} {platform.release()}",
        f"- Python {platform.python_version()}, byte-compiled; {', '.join(versions)}",
        "",
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _table(rows: Iterable[Row]) -> list[str]:
    head = ["| figure | beside | measured | aim | | behind it |", "|---|---|---:|---:|---|---|"]
    return head + [
        f"| {row.subject} | {row.beside} | {row.value:.2f} {row.unit} | {_aim(row)} | {_verdict(row)} | {row.detail} |"
        for row in rows
    ]


def _explanations(rows: Iterable[Row]) -> list[str]:
    missed = [row for row in rows if not row.is_met and row.id in EXPLAINED]
    if not missed:
        return []
    told = [line for row in missed for line in (f"### {row.subject}, beside {row.beside}", "", EXPLAINED[row.id], "")]
    return ["## Missed, and why", "", *told]


if __name__ == "__main__":
    main()
