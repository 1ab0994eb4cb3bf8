"""keyplan's own command line on a real sandbox, with one clock for both that a test moves."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from keyplan.app.wiring import PluginWiring
from keyplan.cli.main import run
from keyplan.cli.screen import Screen
from keyplan.cli.session import Session
from keyplan.cli.signals import Interrupts
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import RunningSandbox, running
from keyplan.system.clock import SystemClock

EXAMPLES = Path(__file__).parent.parent / "examples"


class MovedClock(SystemClock):
    """The machine's clock, ahead by what a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> Any:
        """Return the moved instant."""
        return super().now() + self.ahead


@dataclass(frozen=True)
class Said:
    """What a command line left behind."""

    status: int
    out: str
    err: str


@dataclass
class Timelapse:
    """Somebody at a prompt beside a sandbox, for whom days pass at a word."""

    folder: Path
    sandbox: RunningSandbox
    clock: MovedClock = field(default_factory=MovedClock)

    def __call__(self, *arguments: str) -> Said:
        """Run `keyplan` with these arguments."""
        out, err = io.StringIO(), io.StringIO()
        environment = {
            "ARIZE_API_KEY": self.sandbox.credential,
            "ARIZE_API_HOST": self.sandbox.url.removeprefix("http://"),
            "ARIZE_API_SCHEME": "http",
        }
        session = Session(
            environment=environment,
            folder=self.folder,
            screen=Screen(stdin=None, stdout=out, stderr=err, environment=environment),
            interrupts=Interrupts(err.write),
            read_stdin=lambda _limit: b"",
            wire=partial(PluginWiring, clock=self.clock),
        )
        return Said(run(arguments, session), out.getvalue(), err.getvalue())

    def apply(self) -> Said:
        """Apply keys.yaml, ask nobody, and see that it went well."""
        said = self("apply", "--auto-approve")
        assert said.status == 0, said.out + said.err
        return said

    def pass_time(self, duration: timedelta) -> None:
        """Let time pass, here and there alike."""
        self.clock.ahead += duration
        self.control("clock", {"advance_seconds": duration.total_seconds()})

    def edit(self, old: str, new: str) -> None:
        """Change keys.yaml as a person would."""
        path = self.folder / "keys.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def raw(self, name: str) -> str:
        """Return the raw key that a consumer of that key would read now."""
        return (self.folder / "secrets" / f"{name}.env").read_text().strip().partition("=")[2].strip("'\"")

    def works(self, raw: str) -> bool:
        """Whether the sandbox accepts a raw key."""
        return bool(self.control("check", {"key": raw})["valid"])

    def control(self, path: str, body: Any) -> Any:
        """Ask one of the sandbox's control endpoints."""
        answer = httpx.post(f"{self.sandbox.url}/_sandbox/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def playing(example: str, folder: Path, api: str) -> Iterator[Timelapse]:
    """Give a copy of an example beside a sandbox of that dialect."""
    place = folder / example
    shutil.copytree(EXAMPLES / example, place)
    with running(SandboxOptions(api="alpha" if api == "alpha" else "beta")) as sandbox:
        yield Timelapse(place, sandbox)
