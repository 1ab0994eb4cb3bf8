"""Say what `mutmut run` left alive, module by module; fail where fewer than nine of ten were killed."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

LEAST_PERCENT = 98
CAUGHT = frozenset({"killed", "timeout"})


def read_results() -> Iterable[tuple[str, str]]:
    """Yield every mutant's name and what became of it, as mutmut tells it."""
    command = [str(Path(sys.executable).with_name("mutmut")), "results", "--all", "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    for line in done.stdout.splitlines():
        name, separator, status = line.strip().partition(": ")
        if separator:
            yield name, status


def count_by_module(results: Iterable[tuple[str, str]]) -> Mapping[str, Counter[bool]]:
    """Return per module how many mutants were caught, and how many were not."""
    counts: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    for name, status in results:
        counts[name.rpartition(".")[0]][status in CAUGHT] += 1
    return dict(sorted(counts.items()))


def describe(name: str, counts: Counter[bool]) -> str:
    """Return one row of the table in docs/mutants.md."""
    return f"| {name} | {counts.total()} | {counts[True]} | {100 * counts[True] / counts.total():.1f} |"


def main() -> int:
    """Return 0 where enough mutants were killed."""
    results = tuple(read_results())
    for name, status in results:
        if status not in CAUGHT:
            sys.stdout.write(f"{name}: {status}\n")
    modules = count_by_module(results)
    total = sum(modules.values(), Counter[bool]())
    for name, counts in {**modules, "all": total}.items():
        sys.stdout.write(f"{describe(name, counts)}\n")
    return 0 if 100 * total[True] >= LEAST_PERCENT * total.total() > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
