"""What many manifests on one ledger cost: time of plan and apply, and the load of the database or the bucket.

usage: python -m races.real.scale [--ledger postgres|s3|sqlite] [--manifests N] [--keys N] [--parallel N] [--watchers N]
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx
from ledgers.postgres.servers import running_postgres
from races.real.stage import KEYPLAN, Sandbox, World, make_s3_ledger, running_moto, running_sandbox
from sinks.serving import free_port

EVERY_SECONDS = 60
LEASE_SECONDS = 15
IDLE_SECONDS = 60
LONGEST_SECONDS = 600
HEAD = """\
version: 1
owner: {owner}
id: {id}
provider: {{base_url: "{url}", api: beta, patience_seconds: 60}}
sinks: {{local: {{type: file, path: "secrets/{{name}}"}}}}
defaults: {{sink: local}}
keys:
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Seconds of each command, and what the ledger's server did meanwhile."""

    seconds: list[float]
    whole: float
    loads: list[int]

    def describe(self, what: str) -> str:
        """Return a row of the table."""
        each = len(self.seconds)
        times = [f"{self.whole:.1f} s", f"{median(self.seconds):.2f} s", f"{max(self.seconds):.2f} s"]
        return f"| {' | '.join([what, str(each), *times, *(f'{load / each:.1f}' for load in self.loads)])} |"


@dataclass(frozen=True, kw_only=True)
class Meter:
    """A ledger, and how much its server has had to do so far."""

    columns: Sequence[str]
    environment: Mapping[str, str]
    read: Callable[[], Sequence[int]]


class Stage:
    """Manifests, a sandbox and a ledger."""

    def __init__(self, folder: Path, sandbox: Sandbox, meter: Meter) -> None:
        self.folder, self.sandbox, self.meter = folder, sandbox, meter
        self.names: list[str] = []

    def write(self, manifests: int, keys: int, *, generation: int = 1) -> None:
        """Write so many manifests of so many keys."""
        self.names = [f"team-{number:03d}" for number in range(manifests)]
        rotation = f"rotation: {{strategy: refresh, overlap: 0s, generation: {generation}}}"
        lines = [f"  - {{name: key-{number:03d}, key_type: user, {rotation}}}\n" for number in range(keys)]
        for name in self.names:
            (self.folder / name).mkdir(exist_ok=True)
            text = HEAD.format(owner=name, id=name.replace("-", ""), url=self.sandbox.url) + "".join(lines)
            (self.folder / name / "keys.yaml").write_text(text)

    def measure(self, *arguments: str, parallel: int) -> Measured:
        """Run a command in the folder of each manifest, so many at a time."""
        before, begun = self.meter.read(), time.monotonic()
        with ThreadPoolExecutor(parallel) as pool:
            seconds = list(pool.map(partial(self._run, arguments), self.names))
        whole = time.monotonic() - begun
        # A database counts a session's transactions up to a second late (postgresql.org, "The Cumulative Statistics
        # System").
        time.sleep(2)
        loads = [after - earlier for after, earlier in zip(self.meter.read(), before, strict=True)]
        return Measured(seconds=seconds, whole=whole, loads=loads)

    def _run(self, arguments: Sequence[str], name: str) -> float:
        begun = time.monotonic()
        done = subprocess.run(
            [KEYPLAN, *arguments],
            cwd=self.folder / name,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {done.returncode}: {done.stderr[-2000:]}{done.stdout[-2000:]}"
        return time.monotonic() - begun

    @property
    def environment(self) -> dict[str, str]:
        """What a command finds in its environment."""
        path = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        return {**path, "ARIZE_API_KEY": self.sandbox.credential, **self.meter.environment}


@contextmanager
def _metering(ledger: str, folder: Path) -> Iterator[Meter]:
    """Yield a ledger while its server runs."""
    if ledger == "postgres":
        with running_postgres() as server:
            query = (
                "SELECT xact_commit, tup_fetched, tup_inserted + tup_updated + tup_deleted, "
                "pg_database_size(current_database()) / 1024 FROM pg_stat_database WHERE datname = current_database()"
            )
            columns = ("commits each", "rows read each", "rows written each", "KiB more each")
            yield Meter(
                columns=columns, environment={"KEYPLAN_LEDGER": server.url()}, read=lambda: server.run(query)[0]
            )
    elif ledger == "s3":
        with running_moto(folder) as url:
            choice = make_s3_ledger(url)
            environment = {**choice.environment, "KEYPLAN_LEDGER": choice.url("scale")}
            verbs = ("GET", "PUT", "POST", "DELETE", "HEAD")

            def read() -> list[int]:
                log = (folder / "moto.log").read_text()
                return [log.count(f'"{verb} /races') for verb in verbs]

            yield Meter(columns=[f"{verb} each" for verb in verbs], environment=environment, read=read)
    else:
        yield Meter(columns=(), environment={}, read=list)


class Watchers:
    """Processes of `keyplan watch`, each of which watches every manifest."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        """By the port of their metrics."""

    @contextmanager
    def running(self, number: int) -> Iterator[Watchers]:
        """Run so many while the block runs."""
        names = [f"{name}/keys.yaml" for name in self.stage.names]
        options = ["--every", f"{EVERY_SECONDS}s", "--lease", f"{LEASE_SECONDS}s"]
        try:
            for _ in range(number):
                port = free_port()
                with (self.stage.folder / f"watch-{port}.log").open("wb") as log:
                    self.processes[port] = subprocess.Popen(
                        [KEYPLAN, "watch", *names, *options, "--listen", f"127.0.0.1:{port}"],
                        cwd=self.stage.folder,
                        env=self.stage.environment,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                    )
            yield self
        finally:
            for process in self.processes.values():
                process.kill()
                process.wait()

    def measure(self) -> str:
        """Return what they cost while nothing is due, and how long it takes until a killed one's manifests are led."""
        self._await_leaders()
        before = self.stage.meter.read()
        time.sleep(IDLE_SECONDS)
        rates = [
            f"{(after - earlier) / IDLE_SECONDS:.1f} {name.removesuffix(' each')}"
            for name, after, earlier in zip(self.stage.meter.columns, self.stage.meter.read(), before, strict=True)
        ]
        led = {port: self._count_led(port) for port in self.processes}
        victim = max(led, key=lambda port: led[port])
        self.processes.pop(victim).kill()
        taken = self._await_leaders()
        watched = f"{len(led)} watchers of {len(self.stage.names)} manifests"
        settings = f"every {EVERY_SECONDS} s, lease {LEASE_SECONDS} s"
        lost = f"{led[victim]} manifests of a killed process taken over in {taken:.1f} s"
        return f"{watched}, {settings}: a second: {', '.join(rates)}; {lost}"

    def _await_leaders(self) -> float:
        """Return after how many seconds each manifest has a leader."""
        begun = time.monotonic()
        while sum(self._count_led(port) for port in self.processes) < len(self.stage.names):
            assert time.monotonic() - begun < LONGEST_SECONDS, "some manifests have no leader"
            time.sleep(0.5)
        return time.monotonic() - begun

    def _count_led(self, port: int) -> int:
        try:
            text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
        except httpx.HTTPError:
            return 0
        return len(re.findall(r"^keyplan_leader(?:[{].*[}])? 1(?:\.0)?$", text, re.MULTILINE))


@contextmanager
def open_stage(ledger: str) -> Iterator[Stage]:
    """Yield a stage while its servers run."""
    with TemporaryDirectory(prefix="scale-") as name:
        folder = Path(name)
        world = World(api="beta", refresh_id="new")
        with running_sandbox(world, folder) as sandbox, _metering(ledger, folder) as meter:
            # No delay: what is measured here is keyplan and its ledger.
            sandbox.drop_delays()
            yield Stage(folder, sandbox, meter)


def main(arguments: Sequence[str]) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m races.real.scale", description=__doc__)
    parser.add_argument("--ledger", choices=("postgres", "s3", "sqlite"), default="postgres")
    parser.add_argument("--manifests", type=int, default=100)
    parser.add_argument("--keys", type=int, default=100)
    parser.add_argument("--parallel", type=int, default=2, help="commands at a time")
    parser.add_argument("--watchers", type=int, default=10, help="processes of `keyplan watch`; 0: none")
    options = parser.parse_args(arguments)
    with open_stage(options.ledger) as stage:
        head = ["command", "runs", "all", "each, median", "longest", *stage.meter.columns]
        _say(f"| {' | '.join(head)} |\n|---{'|---:' * (len(head) - 1)}|")
        stage.write(options.manifests, options.keys)
        run = partial(stage.measure, parallel=options.parallel)
        _say(run("apply", "--auto-approve").describe("apply: create all keys"))
        _say(run("plan", "--detailed-exitcode").describe("plan: nothing to do"))
        _say(run("apply", "--auto-approve").describe("apply: nothing to do"))
        stage.write(options.manifests, options.keys, generation=2)
        _say(run("apply", "--auto-approve").describe("apply: refresh all keys"))
        if options.watchers:
            with Watchers(stage).running(options.watchers) as watchers:
                _say(f"\n{watchers.measure()}")
    _say(f"\n{options.manifests} manifests of {options.keys} keys, {options.parallel} commands at a time")
    return 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the table is what this program is for


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
