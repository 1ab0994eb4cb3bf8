"""Rounds of one combination: several `keyplan apply` of one manifest at once, and what came of the keys.

In: a sandbox, a sink, a ledger, a seed. Out: figures. Never: a process that outlives its round.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
from races.real.consumer import make_reader
from races.real.stage import KEYPLAN, LedgerChoice, Sandbox, Sink, World

LEASE_SECONDS = 5
RUNNERS = 8
_REFUSED = 4
"""keyplan's exit status where a guard holds something back."""
_LONGEST_SECONDS = 180
ROTATIONS = {
    "refresh": "strategy: refresh, overlap: 0s",
    "replace": "strategy: replace, overlap: 0s",
    "overlap": "strategy: replace, overlap: 1h",
    "grace": "strategy: refresh, overlap: 1h",
}
"""Keys that every round renews; `grace` where the dialect has it."""
HEAD = """\
version: 1
owner: {owner}
id: {id}
provider: {{base_url: "{url}", api: {api}, patience_seconds: 20}}
sinks: {{there: {sink}}}
defaults: {{sink: there}}
limits: {{deletes: 100, delete_percent: 100, replaces: 100, replace_percent: 100}}
keys:
"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What happens in a round."""

    runs: int
    offset: float
    """Seconds between two starts."""
    kills: int = 0
    pauses: int = 0
    waits: bool = False
    """Whether runs wait for each other."""

    @property
    def is_disturbed(self) -> bool:
        """Whether a run is killed or stopped."""
        return bool(self.kills or self.pauses)


@dataclass
class Figures:
    """What is counted in the rounds of one combination."""

    rounds: int = 0
    runs: int = 0
    killed: int = 0
    paused: int = 0
    wanted: int = 0
    """Keys that one run a round would have made."""
    made_twice: int = 0
    """Keys that were made beyond those, in rounds in which no run was killed or stopped."""
    dead_running: int = 0
    """Times that the consumer met a key that did not work, but for a refresh without overlap; in the same rounds."""
    dead_refreshing: int = 0
    """The same of the key that is refreshed without overlap: a single run has such an instant, too."""
    dead_green: int = 0
    """Places with a dead key when all runs had ended, and each with 0."""
    dead_ended: int = 0
    """Places with a dead key when all runs had ended, whatever their status."""
    dead_after: int = 0
    """Places with a dead key, or another than the current one, after the next apply."""
    strays: int = 0
    """Live keys after the next apply beyond the current one, where no overlap was asked for."""
    not_empty: int = 0
    """Plans after the next apply that were not empty, and applies that failed."""
    tried: int = 0
    """How often the consumer tried a key."""
    statuses: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    """What was wrong, for the search for the reason."""


class Company:
    """One manifest, its runners, and a consumer that never stops reading."""

    def __init__(self, folder: Path, *, world: World, sandbox: Sandbox, sink: Sink, ledger: LedgerChoice) -> None:
        self.folder, self.world, self.sandbox, self.sink, self.ledger = folder, world, sandbox, sink, ledger
        self.figures = Figures()
        self.number = 0
        self._id = f"c{abs(hash(str(folder))) % 10**8:08d}"
        self._prefix = str(folder / "places")
        self._seconds = 1.0
        """How long one apply takes."""
        self._client = httpx.Client(timeout=30)
        (folder / "places").mkdir(parents=True)
        reader = {name: text.replace("PREFIX", self._place_prefix) for name, text in sink.reader.items()}
        self._read = make_reader(reader, self._client)
        config = {
            "reader": reader,
            "check": f"{sandbox.url}/_sandbox/check",
            "names": str(folder / "names.json"),
            "notes": str(folder / "dead.jsonl"),
        }
        (folder / "consumer.json").write_text(json.dumps(config))
        (folder / "dead.jsonl").touch()

    @property
    def _place_prefix(self) -> str:
        return self._prefix if self.sink.reader["type"] == "file" else self._prefix.strip("/")

    @property
    def names(self) -> list[str]:
        """Names of the declared keys."""
        kept = [name for name in ROTATIONS if name != "grace" or self.world.api == "beta"]
        return [*kept, f"made-{self.number}"]

    @contextmanager
    def open(self) -> Iterator[Company]:
        """Apply once, and let the consumer read while the block runs."""
        for self.number in (0, 1):
            begun = time.monotonic()
            self._write()
            done = self._finish("0")
            assert done.returncode == 0, done.stderr
        self._seconds = time.monotonic() - begun
        # A runner with a ledger of its own learns from its first apply what the places hold, if they say so.
        others = [] if self.ledger.is_common else [self._start(str(number), "apply") for number in range(1, RUNNERS)]
        for other in others:
            other.wait(_LONGEST_SECONDS)
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        argv = [sys.executable, str(Path(__file__).with_name("consumer.py")), str(self.folder / "consumer.json")]
        with subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL) as consumer:
            try:
                yield self
                assert consumer.poll() is None, "the consumer ended"
            finally:
                consumer.kill()
        self.figures.tried = int((self.folder / "dead.jsonl.tried").read_text())
        self._client.close()

    def race(self, plan: Plan, random: Random) -> None:
        """Renew every key, make one, remove one, by several runs at once; then apply once more, and look."""
        self.number += 1
        before = self.sandbox.ask("GET", "requests")["count"]
        known = {key["id"]: key["name"] for key in self._list_keys()}
        self._write()
        seen = len(self._read_notes())
        statuses = self._run_all(plan, random)
        self._count(plan, statuses, before=before, known=known, seen=seen)
        self._close(plan)

    def _run_all(self, plan: Plan, random: Random) -> list[int]:
        """Return the exit status of each run, those of killed ones left out."""
        victims = random.sample(range(plan.runs), plan.kills + plan.pauses)
        timers = []
        processes: list[subprocess.Popen[bytes]] = []
        for number in range(plan.runs):
            processes.append(self._start(str(number), "apply", waits=plan.waits))
            if number in victims:
                is_killed = victims.index(number) < plan.kills
                timers.append(_disturb(processes[-1], random.uniform(0.1, 1.3) * self._seconds, is_killed=is_killed))
            time.sleep(plan.offset)
        statuses = []
        for process in processes:
            try:
                statuses.append(process.wait(_LONGEST_SECONDS))
            except subprocess.TimeoutExpired:
                process.kill()
                statuses.append(process.wait())
                self.figures.notes.append("a run took longer than three minutes")
        for timer in timers:
            timer.join()
        return [status for status in statuses if status != -signal.SIGKILL]

    def _count(self, plan: Plan, statuses: Sequence[int], *, before: int, known: dict[str, str], seen: int) -> None:
        figures = self.figures
        figures.rounds += 1
        figures.runs += plan.runs
        figures.killed += plan.runs - len(statuses)
        figures.paused += plan.pauses
        figures.statuses.update(map(str, statuses))
        figures.wanted += len(self.names)
        dead = self._find_dead()
        figures.dead_ended += len(dead)
        if statuses and not any(statuses) and not plan.kills:
            figures.dead_green += len(dead)
            self._note(f"dead in a place after runs that all exited with 0: {dead}", dead)
        if plan.is_disturbed:
            return
        twice = {name: made - 1 for name, made in self._count_made(before, known).items() if made > 1}
        figures.made_twice += sum(twice.values())
        self._note(f"made twice: {twice}, exit statuses {list(statuses)}", twice)
        met = Counter(json.loads(line)["name"] for line in self._read_notes()[seen:])
        figures.dead_refreshing += met.pop("refresh", 0)
        figures.dead_running += met.total()
        self._note(f"dead in a place while running: {dict(met)}", met)

    def _close(self, plan: Plan) -> None:
        """Apply once more, and count what is not as promised."""
        # A runner whose ledger knows nothing of a place that proves nothing does not guess; one that delivered follows.
        is_known = self.sink.proves or self.ledger.is_common
        candidates = ["0"] if is_known else list(map(str, range(plan.runs)))
        for runner in candidates:
            done = self._finish(runner)
            if done.returncode != _REFUSED:
                break
        figures = self.figures
        current = {name: self._find_current(name) for name in self.names}
        wrong = [name for name, key_id in current.items() if key_id is None]
        figures.dead_after += len(wrong)
        self._note(f"dead in a place after the next apply: {wrong}", wrong)
        live = Counter(key["name"] for key in self._list_keys() if key["is_live"])
        strays = {name: live[name] - 1 for name in self.names if name not in ("overlap", "grace") and live[name] > 1}
        strays |= {name: live[name] for name in (f"made-{self.number - 1}",) if live[name]}
        figures.strays += sum(strays.values())
        self._note(f"more than one live key: {strays}", strays)
        if done.returncode == _REFUSED and not is_known:
            # Each runner knows some of the places only, and is refused the others (docs/planning.md, row 5b).
            return
        left = self._start(runner, "plan")
        if done.returncode or left.wait(_LONGEST_SECONDS):
            figures.not_empty += 1
            told = f"{done.stderr[-600:]}{done.stdout[-1500:]}"
            self._note(f"after {plan}: apply exited with {done.returncode}: {told}", told)

    def _finish(self, runner: str) -> subprocess.CompletedProcess[str]:
        """Apply once, and wait for the locks and intents of killed runs."""
        argv = self._argv("apply", "--lock-timeout", "90s")
        return subprocess.run(
            argv,
            cwd=self._folder_of(runner),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )

    def _start(self, runner: str, verb: str, *, waits: bool = False) -> subprocess.Popen[bytes]:
        with (self._folder_of(runner) / "log.txt").open("ab") as log:
            return subprocess.Popen(
                self._argv(verb, *(("--lock-timeout", "60s") if waits else ())),
                cwd=self._folder_of(runner),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _argv(self, verb: str, *options: str) -> list[str]:
        asked = ["apply", "--auto-approve"] if verb == "apply" else ["plan", "--detailed-exitcode"]
        return [str(KEYPLAN), *asked, *options]

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "ARIZE_API_KEY": self.sandbox.credential,
            "KEYPLAN_LEASE": f"{LEASE_SECONDS}s",
            **self.sink.environment,
            **self.ledger.environment,
            # Not as an argument: the URL of a database may hold a password.
            **({"KEYPLAN_LEDGER": url} if (url := self.ledger.url(str(self.folder))) else {}),
        }

    def _folder_of(self, runner: str) -> Path:
        return self.folder / f"runner-{runner}"

    def _write(self) -> None:
        """Write the manifest of this round for every runner, and tell the consumer what to read."""
        head = HEAD.format(
            owner="races",
            id=self._id,
            url=self.sandbox.url,
            api=self.world.api,
            sink=self.sink.settings(self._prefix),
        )
        lines = [
            f"  - {{name: {name}, key_type: user, rotation: {{{ROTATIONS[name]}, generation: {self.number + 1}}}}}"
            for name in self.names[:-1]
        ]
        lines.append(f"  - {{name: {self.names[-1]}, key_type: user}}")
        for number in range(RUNNERS):
            self._folder_of(str(number)).mkdir(exist_ok=True)
            (self._folder_of(str(number)) / "keys.yaml").write_text(head + "\n".join(lines) + "\n")
        new = self.folder / "names.new"
        new.write_text(json.dumps(self.names))
        new.replace(self.folder / "names.json")

    def _list_keys(self) -> list[dict[str, Any]]:
        keys: list[dict[str, Any]] = self.sandbox.ask("GET", "keys")["keys"]
        return [key for key in keys if f"{self._id}/" in (key["description"] or "")]

    def _count_made(self, before: int, known: dict[str, str]) -> Counter[str]:
        """Return how many raw keys were made for each name since then."""
        keys = {key["id"]: key["name"] for key in self._list_keys()}
        made = Counter(name for key_id, name in keys.items() if key_id not in known)
        if self.world.refresh_id == "same":
            for one in self.sandbox.ask("GET", f"requests?after={before}")["requests"]:
                path = one["target"].partition("?")[0].replace("%3D", "=").split("/")
                if path[-1] == "refresh" and one["status"] in (httpx.codes.OK, httpx.codes.CREATED):
                    made[keys[path[-2]]] += path[-2] in keys
        return made

    def _find_dead(self) -> list[str]:
        held = {name: self._read(name) for name in self.names}
        return [name for name, raw in held.items() if raw is not None and self.sandbox.find_key(raw) is None]

    def _find_current(self, name: str) -> str | None:
        raw = self._read(name)
        return self.sandbox.find_key(raw) if raw else None

    def _read_notes(self) -> list[str]:
        return (self.folder / "dead.jsonl").read_text().splitlines()

    def _note(self, text: str, is_wrong: object) -> None:
        if is_wrong:
            self.figures.notes.append(f"round {self.number}: {text}")


def _disturb(process: subprocess.Popen[bytes], after: float, *, is_killed: bool) -> threading.Thread:
    """Kill a process, or stop it for longer than its lease, that long from now."""

    def act() -> None:
        time.sleep(after)
        if process.poll() is not None:
            return
        if is_killed:
            process.kill()
            return
        process.send_signal(signal.SIGSTOP)
        time.sleep(LEASE_SECONDS + 2)
        process.send_signal(signal.SIGCONT)

    thread = threading.Thread(target=act)
    thread.start()
    return thread
