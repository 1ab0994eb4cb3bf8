"""A git work tree in which `keyplan apply` is killed at system calls, and what `git status` shows of it.

In: a sandbox, and a sink in one of its formats. Out: kills that happened. Never: a kill that is counted although the
process had ended by itself.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from e2e.killing import ByCall
from e2e.terminal import COMMAND, Terminal

SOPS = shutil.which("sops") or shutil.which("sops", path=str(Path(sys.executable).parent))
APPLY = (str(COMMAND), "apply", "--auto-approve", "--parallelism", "1")
CALLS = {
    **dict.fromkeys(("mkdir", "mkdirat", "link", "linkat", "rename", "renameat"), 1),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir", "fsync", "flock"), 1),
    "pwrite64": 6,
    "fdatasync": 3,
    "ftruncate": 1,
}
"""All by which keyplan changes what a folder shows, and those between them; every so many-th is a point to kill at.

A file is opened for writing before each of them: what that leaves is there when the next call is killed. Only SQLite
makes the last three, on files in a folder of its own.
"""
SINKS = {
    "file, raw": 'type: file, path: "secrets/{{name}}.env"',
    "file, dotenv": 'type: file, path: secrets/all.env, format: dotenv, variable: "KEY_{{name}}"',
    "file, json": 'type: file, path: "secrets/{{name}}.env", format: json',
    "age": 'type: age, path: "secrets/{{name}}.age", recipients: [RECIPIENT]',
    "sops": 'type: sops, path: secrets/keys.enc.yaml, entry: "arize.{{name}}"',
}
LASTING = ("/secrets/*.env", "/secrets/.*.env.keyplan.json")
"""What git ignores: the values and their sidecars, each by its name, and nothing else beside them."""
HEAD = """\
version: 1
owner: {owner}
provider: {{{{base_url: "{{url}}", api: {{api}}, patience_seconds: 2}}}}
sinks:
  local: {{{{{sink}}}}}
defaults: {{{{sink: local}}}}
"""
KEYS = "keys:\n  - {{name: {owner}, key_type: user, rotation: {{generation: {generation}, overlap: 0s}}}}\n"


@dataclass(kw_only=True)
class WorkTree:
    """A fresh git work tree with a manifest of one key."""

    terminal: Terminal
    sink: str
    owner: str
    recipient: str
    generation: int = 1
    kills: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        """Commit the manifest, and what the sink needs."""
        self.git("init", "--quiet")
        (self.terminal.folder / ".gitignore").write_text("\n".join((*LASTING, "key.txt", "")))
        rule = f"creation_rules: [{{age: {self.recipient}}}]\n"
        (self.terminal.folder / ".sops.yaml").write_text(rule)
        self._declare()

    def renew(self) -> None:
        """Ask for a new raw key of the same declaration."""
        self.generation += 1
        self._declare()

    def rehearse(self) -> tuple[ByCall, ...]:
        """Run an apply undisturbed but watched, and return every call at which it can be killed."""
        log = self.terminal.folder / ".git/strace.log"
        watch = ("strace", "-f", "-qq", "-e", "signal=none", "-o", str(log), "-e", "trace=" + ",".join(CALLS))
        assert self._run((*watch, *APPLY)) == 0
        return tuple(_list_calls(log.read_text()))

    def kill(self, point: ByCall) -> bool:
        """Run an apply, and return whether it was killed there; git shows nothing that a whole apply does not leave."""
        was_killed = self._run(point.wrap(APPLY)) != 0
        assert self.status() <= self.lasting(), point
        self.kills[point.call] += was_killed
        return was_killed

    def heal(self) -> None:
        """Apply once, undisturbed: the folder then holds value and sidecar, and a lock at most that holds no draft."""
        done = self.terminal.run(*APPLY[1:], **self._sops)
        assert done.returncode == 0, done.stdout + done.stderr
        assert self.status() == self.lasting()
        # A kill after the receipt leaves the lock, and the next apply has nothing to change in that place.
        locks = self.terminal.folder.glob("secrets/.*.lock/*")
        assert {path.name for path in locks} <= {".gitignore"}
        assert self.terminal.run("plan", "--detailed-exitcode", **self._sops).returncode == 0

    def status(self) -> set[str]:
        """Return the files that git shows as changed or unknown."""
        return set(self.git("status", "--porcelain", "--untracked-files=all").splitlines())

    def lasting(self) -> set[str]:
        """Return what is to be committed: encrypted files, and the sidecars beside them."""
        each = {
            "age": (f"{self.owner}.age", f".{self.owner}.age.keyplan.json"),
            "sops": ("keys.enc.yaml",),
        }
        return {f"?? secrets/{name}" for name in each.get(self.sink, ())}

    def git(self, *arguments: str) -> str:
        """Run git as its user would."""
        who = ("-c", "user.name=t", "-c", "user.email=t@localhost")
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
        argv = ["git", *who, *arguments]
        ended = subprocess.run(
            argv, cwd=self.terminal.folder, env=environment, capture_output=True, text=True, check=True
        )
        return ended.stdout

    @property
    def _sops(self) -> dict[str, str]:
        return {"SOPS_AGE_KEY_FILE": str(self.terminal.folder / "key.txt")}

    def _declare(self) -> None:
        head = HEAD.format(owner=self.owner, sink=SINKS[self.sink].replace("RECIPIENT", self.recipient))
        self.terminal.write(KEYS.format(owner=self.owner, generation=self.generation), head=head)
        self.git("add", "--all", "--", "keys.yaml", ".gitignore", ".sops.yaml")
        self.git("commit", "--quiet", "--message", "declare")

    def _run(self, command: tuple[str, ...]) -> int:
        environment = {**self.terminal.environment, **self._sops}
        return subprocess.run(
            command,
            cwd=self.terminal.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        ).returncode


def _list_calls(log: str) -> Iterator[ByCall]:
    """Yield each call of the busiest thread: strace counts threads apart, so the nth is the nth of a thread."""
    # Python's own cache is written once, and not by the runs that are killed.
    words = (line.split(maxsplit=1) for line in log.splitlines() if "__pycache__" not in line)
    counts = Counter((thread, rest.partition("(")[0]) for thread, rest in words if "(" in rest)
    for call, stride in CALLS.items():
        most = max((count for (_, name), count in counts.items() if name == call), default=0)
        yield from (ByCall(call=call, nth=n) for n in range(1, most + 1, stride))
