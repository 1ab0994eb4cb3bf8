"""A company's keys while `keyplan apply` is killed: the flows, the ways to kill, and what must hold afterwards.

In: a terminal beside a sandbox. Out: kills that happened, each with its kind, and assertions after one clean apply.
Never: a kill that is counted although the process had ended by itself.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e.terminal import COMMAND, Terminal
from samples import make_context, make_ledger_settings

from keyplan.app.api import open_session, plan
from keyplan.ledgers.sqlite import build_reader

FLOWS = ("create", "refresh", "replace", "replace with overlap", "remove")
RENEWED = {"refresh": "plain", "replace": "swap", "replace with overlap": "lap"}
ROTATIONS = {"plain": "strategy: refresh", "swap": "strategy: replace", "lap": "strategy: replace, overlap: 1h"}
APPLY = (str(COMMAND), "apply", "--auto-approve", "--parallelism", "2")
STRACE = shutil.which("strace")
CALLS = {
    "renameat": 1,
    "linkat": 1,
    "mkdirat": 1,
    "fsync": 1,
    "unlinkat": 1,
    "unlink": 1,
    "sendto": 1,
    "recvfrom": 1,
    "fdatasync": 3,
    "pwrite64": 6,
}
"""What strace watches, and of which every so many-th is a point to kill at. Only SQLite uses the last two."""
HELD_SECONDS = 20
"""So long the sandbox holds a request; the kill comes within a fraction of it."""


@dataclass(frozen=True, kw_only=True)
class ByRequest:
    """Killed while the nth request that fits is under way, before its effect or after it."""

    nth: int
    when: str
    method: str | None = None

    @property
    def kind(self) -> str:
        """What the figures call it."""
        return f"request, {self.when} its effect"


@dataclass(frozen=True, kw_only=True)
class ByCall:
    """Killed on entering the nth such system call of a thread; `path` restricts it to one file."""

    call: str
    nth: int
    path: str = ""

    @property
    def kind(self) -> str:
        """What the figures call it."""
        return f"{self.call} of a lock" if self.path else self.call

    def wrap(self, command: tuple[str, ...]) -> tuple[str, ...]:
        """Return a command line that runs another under strace."""
        where = ("-P", self.path) if self.path else ()
        inject = f"inject={self.call}:signal=SIGKILL:when={self.nth}"
        return ("strace", "-f", "-qq", "-o", "/dev/null", *where, "-e", f"trace={self.call}", "-e", inject, *command)


Kill = ByRequest | ByCall


def _list_calls(log: str) -> Iterator[ByCall]:
    """Yield each system call of the busiest thread: strace counts threads apart, so the nth is the nth of a thread."""
    words = (line.split(maxsplit=1) for line in log.splitlines())
    counts = Counter((thread, rest.partition("(")[0]) for thread, rest in words if "(" in rest)
    for call, stride in CALLS.items():
        most = max((count for (_, name), count in counts.items() if name == call), default=0)
        yield from (ByCall(call=call, nth=n) for n in range(1, most + 1, stride))


@dataclass
class Company:
    """A folder with a manifest, three keys that are renewed, one that comes and goes, and a key that is not ours."""

    terminal: Terminal
    figures: Counter[str] = field(default_factory=Counter)
    generations: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ROTATIONS, 1))
    has_extra: bool = False
    foreign: dict[str, Any] = field(default_factory=dict)

    def settle(self) -> None:
        """Make the foreign key, apply for the first time, and check that all is well."""
        kind = "user" if self.terminal.api == "alpha" else "USER"
        made = self.terminal.call("POST", "api-keys", {"name": "plain", "key_type": kind, "description": "by hand"})
        self.foreign = self._sandbox_key(made["id"])
        self._write()
        self.heal()

    def change(self, flow: str) -> None:
        """Change the manifest so that the next apply runs that flow and no other."""
        if flow in RENEWED:
            self.generations[RENEWED[flow]] += 1
        elif self.has_extra == (flow == "create"):
            # What the flow needs is brought about first, and is no part of what is killed.
            self.has_extra = not self.has_extra
            self._write()
            self.heal()
            self.has_extra = not self.has_extra
        else:
            self.has_extra = flow == "create"
        self._write()

    def suffer(self, flow: str, kill: Kill) -> bool:
        """Run a flow, kill it, heal it; return whether the kill came before the process had ended."""
        self.change(flow)
        held = self._read_values()
        was_killed = self._kill_at(kill)
        if was_killed:
            self.figures[kill.kind] += 1
        if flow == "replace with overlap":
            self._check_overlap(held)
        self.heal()
        if flow == "replace with overlap":
            self._check_overlap(held)
        return was_killed

    def heal(self) -> None:
        """Apply once, undisturbed, and see that the promise holds."""
        done = self.terminal.run(*APPLY[1:])
        assert done.returncode == 0, done.stdout + done.stderr
        self._check_keys()
        self._check_files()
        self._check_plan()

    def rehearse(self, flow: str) -> tuple[Kill, ...]:
        """Run a flow undisturbed but watched, and return every point at which it can be killed, in a fixed order."""
        self.change(flow)
        log = self.terminal.folder / "strace.log"
        before = self.terminal.control("GET", "requests")["count"]
        watch = ("strace", "-f", "-qq", "-e", "signal=none", "-o", str(log), "-e", "trace=" + ",".join(CALLS))
        self._start((*(watch if STRACE else ()), *APPLY)).wait(timeout=120)
        requests = self.terminal.control("GET", f"requests?after={before}")["requests"]
        by_request = [
            ByRequest(nth=number, when=when)
            for number, one in enumerate(requests, start=1)
            # A read has no effect that could lie before or after the kill.
            for when in (("before",) if one["method"] == "GET" else ("before", "after"))
        ]
        text = log.read_text() if STRACE else ""
        return (*by_request, *_list_calls(text), *self._list_files(flow))

    def _list_files(self, flow: str) -> Iterator[ByCall]:
        """Yield the openings of the folder that value and sidecar are written in."""
        name = RENEWED.get(flow, "extra")
        if STRACE and flow != "remove":
            yield from (ByCall(call="openat", nth=n, path=f".{name}.key.keyplan.lock") for n in (1, 2))

    def _kill_at(self, kill: Kill) -> bool:
        if isinstance(kill, ByCall):
            process = self._start(kill.wrap(APPLY))
            return process.wait(timeout=120) in (-signal.SIGKILL, 128 + signal.SIGKILL)
        fault = {"action": "delay", "nth": kill.nth, "seconds": HELD_SECONDS, "when": kill.when}
        if kill.method:
            fault["method"] = kill.method
        before = self.terminal.control("GET", "requests")["count"]
        self.terminal.control("POST", "faults", {"faults": [fault]})
        process = self._start(APPLY)
        while process.poll() is None and not self._is_held(before):
            time.sleep(0.02)
        self.terminal.control("DELETE", "faults")
        process.kill()
        return process.wait() == -signal.SIGKILL

    def _start(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=self.terminal.folder,
            env=self.terminal.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _is_held(self, before: int) -> bool:
        requests = self.terminal.control("GET", f"requests?after={before}")["requests"]
        return any(one["fault"] == "delay" for one in requests)

    def _write(self) -> None:
        lines = [
            f"  - {{name: {name}, key_type: user, adopt: replace, "
            f"rotation: {{{ROTATIONS[name]}, generation: {number}}}}}"
            for name, number in self.generations.items()
        ]
        if self.has_extra:
            lines.append("  - {name: extra, key_type: service, space: production, expires_in: 90d}")
        self.terminal.write("\n".join(["keys:", *lines, ""]))

    @property
    def _names(self) -> set[str]:
        return {*self.generations, *(["extra"] if self.has_extra else [])}

    def _sandbox_key(self, key_id: str) -> dict[str, Any]:
        return next(key for key in self.terminal.control("GET", "keys")["keys"] if key["id"] == key_id)

    def _read_values(self) -> dict[str, str]:
        return {name: self.terminal.delivered(name) for name in self.generations}

    def _check_overlap(self, held: dict[str, str]) -> None:
        assert self.terminal.is_valid(held["lap"]), "what consumers held died in the middle of its overlap"

    def _check_keys(self) -> None:
        context = make_context(self.terminal.folder, owner="e2e")
        memory = build_reader(make_ledger_settings(), context, account=self.terminal.url).recall()
        assert memory.intents == ()
        current = {receipt.name: receipt.key_id for receipt in memory.receipts}
        assert set(current) == self._names
        for name, key_id in current.items():
            answer = self.terminal.control("POST", "check", {"key": self.terminal.delivered(name)})
            assert answer == {"id": key_id, "valid": True}, name
        superseded = {old.key_id for receipt in memory.receipts for old in receipt.superseded}
        alive = [key for key in self.terminal.control("GET", "keys")["keys"] if key["is_live"]]
        marked = {key["id"] for key in alive if "[keyplan e2e/" in (key["description"] or "")}
        assert set(current.values()) <= marked <= {*current.values(), *superseded}
        assert self._sandbox_key(self.foreign["id"]) == self.foreign
        assert len(alive) - len(marked) == 2, "the foreign key and keyplan's own credential"

    def _check_files(self) -> None:
        found = {path.name for path in (self.terminal.folder / "secrets").iterdir()}
        expected = {name for one in self._names for name in (f"{one}.key", f".{one}.key.keyplan.json")}
        assert found == expected

    def _check_plan(self) -> None:
        session = open_session({"ARIZE_API_KEY": self.terminal.credential})
        again = plan(Path(self.terminal.folder, "keys.yaml"), session=session)
        assert (again.changes, again.blocked) == ((), ())
