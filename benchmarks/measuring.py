"""Whole processes, timed: each command in turn, round after round, so that noise meets all of them alike.

In: commands. Out: seconds, processor seconds and peak memory of each round. Never: a single measurement taken for the
truth; a first run, which warms files up, counted.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

_KIB = 1024
_MB = 1_000_000
BARE_ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "ARIZE_API_KEY": "ak-benchmark"}
"""Nothing else: no PYTHON... variable that would keep byte code from being written, no proxy, no CI."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One program and its arguments."""

    argv: tuple[str, ...]
    folder: Path = Path()
    status: int = 0
    """How it must end; another status is no measurement."""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run."""

    seconds: float
    processor_seconds: float
    peak_mb: float
    output: str


@dataclass(frozen=True, slots=True)
class Samples:
    """All runs of one command that count."""

    runs: tuple[Sample, ...]

    @property
    def seconds(self) -> float:
        """Median of the wall clock."""
        return median(run.seconds for run in self.runs)

    @property
    def processor_seconds(self) -> float:
        """Median of user and system time."""
        return median(run.processor_seconds for run in self.runs)

    @property
    def peak_mb(self) -> float:
        """Largest resident set of any run, in millions of bytes."""
        return max(run.peak_mb for run in self.runs)

    @property
    def spread(self) -> tuple[float, float]:
        """Least and most seconds."""
        seconds = [run.seconds for run in self.runs]
        return min(seconds), max(seconds)

    def ratio_to(self, other: Samples) -> float:
        """Return the median of the ratios within each round: what disturbs a round disturbs both sides of it."""
        return median(mine.seconds / its.seconds for mine, its in zip(self.runs, other.runs, strict=True))


def measure(commands: Mapping[str, Command], *, repeats: int, warm_up: bool = True) -> dict[str, Samples]:
    """Return what each command took, run in turn: A B A B."""
    runs: dict[str, list[Sample]] = {name: [] for name in commands}
    for number in range(-1 if warm_up else 0, repeats):
        for name, command in commands.items():
            sample = run(command)
            if number >= 0:
                runs[name].append(sample)
    return {name: Samples(tuple(samples)) for name, samples in runs.items()}


def run(command: Command) -> Sample:
    """Return one run. Raises RuntimeError where it ends otherwise than it should."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command.argv,
        cwd=command.folder,
        env={**BARE_ENVIRONMENT, **command.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = _read(process)
    # Not Popen.wait: only wait4 tells the memory and processor time of this one child.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != command.status:
        raise RuntimeError(f"{_name(command.argv)} ended with {process.returncode}:\n{output[-2000:]}")
    return Sample(
        seconds=seconds,
        processor_seconds=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss * _KIB / _MB,  # getrusage(2) counts in kibibytes on Linux
        output=output,
    )


def _read(process: subprocess.Popen[bytes]) -> str:
    if process.stdout is None:
        raise AssertionError("it is a pipe")
    with process.stdout as pipe:
        return pipe.read().decode(errors="replace")


def _name(argv: Sequence[str]) -> str:
    return " ".join(str(part) for part in argv)[:200]
