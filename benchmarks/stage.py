"""What every figure needs: environments of its own, a server, a prepared folder.

In: how thorough to be. Out: paths and running servers. Never: keyplan measured from an editable checkout, or beside
the development tools, some of which slow its imports down: it is installed as a wheel, byte-compiled, by itself.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.request import urlopen

from benchmarks.measuring import BARE_ENVIRONMENT, Command, run

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "benchmarks" / "peers"
ENVIRONMENTS = ROOT / ".bench"
SDK = "arize==8.61.0"
_SETTLED_SECONDS = 2.5
OCTODNS = "octodns==1.22.0"


@dataclass(frozen=True)
class Server:
    """A static server under way."""

    url: str

    @property
    def address(self) -> str:
        """Host and port."""
        return self.url.removeprefix("http://")

    def count(self) -> dict[str, int]:
        """Return how many requests of each kind there were since it was last asked."""
        with urlopen(f"{self.url}/requests") as answer:  # noqa: S310 - our own, on this machine
            counted: dict[str, int] = json.load(answer)
            return counted


class Stage:
    """Everything that a figure works with."""

    def __init__(self, *, is_quick: bool, divisor: int = 1) -> None:
        """Take a `divisor` of every number of keys to see whether all runs, rather than how long it takes."""
        self.is_quick = is_quick
        self._divisor = divisor
        self._folder = tempfile.TemporaryDirectory(prefix="keyplan-bench-", ignore_cleanup_errors=True)

    def scale(self, keys: int) -> int:
        """Return how many keys stand for so many."""
        return keys // self._divisor

    @property
    def repeats(self) -> int:
        """How many rounds count."""
        return 3 if self.is_quick else 7

    @property
    def folder(self) -> Path:
        """A folder outside of any git work tree, gone afterwards."""
        return Path(self._folder.name)

    @cached_property
    def python(self) -> Path:
        """The interpreter that has keyplan, as users install it."""
        python = environment("keyplan")
        # Without the build's own environment: it would be made anew for each run.
        pip(python, "--upgrade", str(ROOT))
        pip(python, "--force-reinstall", "--no-deps", str(ROOT))
        return python

    @property
    def keyplan(self) -> str:
        """The installed command."""
        return str(self.python.with_name("keyplan"))

    @cached_property
    def sdk(self) -> Path:
        """The interpreter that has the official SDK; that of `make contract`, if it is there."""
        shared = ROOT / ".contract" / SDK.replace("==", "-") / "bin" / "python"
        return shared if shared.exists() else installed("sdk", SDK)

    @cached_property
    def octodns(self) -> Path:
        """The interpreter that has octodns."""
        return installed("octodns", OCTODNS)

    def command(self, *arguments: str, folder: Path, status: int = 0) -> Command:
        """Return a keyplan command line."""
        return Command(argv=(self.keyplan, *arguments), folder=folder, status=status)

    def script(self, source: str) -> Command:
        """Return a line of Python in keyplan's environment."""
        return Command(argv=(str(self.python), "-c", source))

    def peer(self, name: str, *arguments: str) -> Command:
        """Return a script of `peers` in keyplan's environment."""
        return Command(argv=(str(self.python), str(PEERS / f"{name}.py"), *arguments))

    def inside(self, name: str, *arguments: str) -> Command:
        """Return a module of `benchmarks` in keyplan's environment."""
        argv = (str(self.python), "-m", f"benchmarks.{name}", *arguments)
        return Command(argv=argv, folder=ROOT)

    @contextmanager
    def serving(self, keys: int, *, spaces: int = 10, latency: float = 0.0, is_empty: bool = False) -> Iterator[Server]:
        """Run a server inside the block."""
        given = ["--keys", str(keys), "--spaces", str(spaces), "--latency", str(latency)]
        argv = [sys.executable, "-m", "benchmarks.server", *given, *(["--empty"] if is_empty else [])]
        process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both are pipes")
        try:
            yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.stdin.close()
            process.wait()
            process.stdout.close()

    @contextmanager
    def sandbox(self) -> Iterator[dict[str, str]]:
        """Run keyplan's own sandbox inside the block, and give the environment that leads to it.

        It runs from the development environment, which has what it needs.
        """
        argv = [sys.executable, "-m", "keyplan", "sandbox"]
        process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if process.stdout is None:
            raise AssertionError("it is a pipe")
        try:
            exports = (line.split()[1:] for line in iter(process.stdout.readline, "") if "export" in line)
            yield dict(word.split("=", 1) for words in (next(exports), next(exports)) for word in words)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
            process.stdout.close()

    def prepare(self, server: Server, keys: int, *, spaces: int = 10) -> Path:
        """Return a folder as a second apply leaves it, in processes of their own: it takes memory.

        The first made the keys and the second found nothing to do, so that the ledger has noted their places. A copy of
        the ledger from before, without places, is `first.db`.
        """
        folder = self.folder / f"{keys}-{spaces}-{server.address.rpartition(':')[2]}"
        arguments = ("--keys", str(keys), "--spaces", str(spaces), "--provider", server.url)
        command = self.inside("preparing", str(folder), *arguments)
        subprocess.run(command.argv, cwd=command.folder, env=BARE_ENVIRONMENT, check=True)
        shutil.copy(folder / ".keyplan" / "ledger.db", folder / ".keyplan" / "first.db")
        # A file that changed just now is not noted.
        time.sleep(_SETTLED_SECONDS)
        run(self.command("apply", "--auto-approve", folder=folder))
        return folder

    def close(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()


def environment(name: str) -> Path:
    """Return the interpreter of an environment of our own, made where it is missing."""
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return python


def installed(name: str, requirement: str) -> Path:
    """Return the interpreter of an environment that has a package."""
    is_new = not (ENVIRONMENTS / name).exists()
    python = environment(name)
    if is_new:
        pip(python, requirement)
    return python


def pip(python: Path, *arguments: str) -> None:
    """Install something, byte-compiled."""
    options = ["--quiet", "--disable-pip-version-check", "--compile"]
    subprocess.run([python, "-m", "pip", "install", *options, *arguments], check=True)
