"""The life of a key in one sink, driven through the installed command: create, rotate, drift, removal.

Give a `Journey` the sink's options, and two callbacks that look into the real store as a consumer would: then call
`run`, or its steps one by one. The keys come from a sandbox in this process; everything else is the real thing.

    with travelling(tmp_path, sink={"type": "vault", ...}, read_value=..., destroy_value=...) as journey:
        journey.run()
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import RunningSandbox, running

KEYPLAN = Path(sys.executable).with_name("keyplan")
NAME = "ci"
SECONDS = 120


@dataclass(frozen=True)
class Ran:
    """What one run of the command left behind."""

    status: int
    out: str
    err: str


@dataclass
class Journey:
    """A folder with a manifest of one sink, a sandbox, and the real store that the sink writes to."""

    folder: Path
    sandbox: RunningSandbox
    sink: Mapping[str, Any]
    """Type and options, as in a manifest."""
    read_value: Callable[[str], str | None]
    """Return the raw key that the store has for a declaration's name; None where it has none."""
    destroy_value: Callable[[str], None]
    """Delete that value by hand, as a careless administrator would, with everything that goes with it."""
    overwrite_value: Callable[[str, str], None] | None = None
    """Put another value in its place by hand; None where the sink could not tell."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that the sink needs; nothing else of this process reaches the command but PATH and HOME."""
    generation: int = 1
    seen: set[str] = field(default_factory=set, repr=False)
    """Every raw key that the store was found to hold."""

    def declare(self, *names: str, overlap: str = "24h") -> None:
        """Write the manifest: a user key of each name, at the current generation."""
        keys = [
            {"name": name, "key_type": "user", "rotation": {"generation": self.generation, "overlap": overlap}}
            for name in names
        ]
        manifest = {
            "version": 1,
            "owner": "ml-platform",
            "provider": {"base_url": self.sandbox.url, "credential": {"env": "JOURNEY_CREDENTIAL"}},
            "sinks": {"store": dict(self.sink)},
            "defaults": {"sink": "store"},
            # One that stays, so that a manifest without the others is still one.
            "keys": [*keys, {"name": "stays", "key_type": "user"}],
        }
        (self.folder / "keys.yaml").write_text(json.dumps(manifest))  # JSON is YAML

    def keyplan(self, *arguments: str) -> Ran:
        """Run the installed command in the folder; no raw key and no credential may show in what it prints."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        done = subprocess.run(
            [KEYPLAN, *arguments],
            cwd=self.folder,
            env={**inherited, **self.environment, "JOURNEY_CREDENTIAL": self.sandbox.credential},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        ran = Ran(done.returncode, done.stdout, done.stderr)
        self.expect_silence(ran)
        return ran

    def apply(self, *names: str, overlap: str = "24h") -> Ran:
        """Declare these names and apply; fails where the command does."""
        self.declare(*names, overlap=overlap)
        ran = self.keyplan("apply", "--auto-approve")
        assert ran.status == 0, ran
        return ran

    def plan(self) -> tuple[int, dict[str, tuple[str, str]]]:
        """Return the exit status of `plan --detailed-exitcode`, and verb and reason by address of what would change."""
        ran = self.keyplan("plan", "--detailed-exitcode", "--format", "json")
        assert ran.status in (0, 2), ran
        changes = json.loads(ran.out)["resource_changes"]
        return ran.status, {
            change["address"]: (change["verb"], change["reason"]) for change in changes if change["verb"] != "keep"
        }

    def value(self, name: str = NAME) -> str:
        """Return the raw key that the store holds; there has to be one."""
        found = self.read_value(name)
        assert found is not None
        return found

    def works(self, raw: str) -> bool:
        """Whether the API accepts a raw key."""
        answer = httpx.get(f"{self.sandbox.url}/v2/spaces", headers={"Authorization": f"Bearer {raw}"})
        return answer.status_code == httpx.codes.OK

    def expect_silence(self, ran: Ran) -> None:
        """Fail where a raw key that the store holds or held, or the credential, shows in what a run printed."""
        found = self.read_value(NAME)
        self.seen.update({found} if found else ())
        shown = ran.out + ran.err
        assert not any(secret in shown for secret in (*self.seen, self.sandbox.credential))

    # the steps

    def create(self) -> str:
        """The key is made and stored, works, and nothing is left to do. Return it."""
        self.apply(NAME)
        raw = self.value()
        assert self.works(raw)
        assert self.plan() == (0, {})
        return raw

    def rotate(self) -> str:
        """A raised generation stores another key while the old one goes on working. Return the new one."""
        former = self.value()
        self.generation += 1
        self.apply(NAME)
        raw = self.value()
        assert raw != former
        assert self.works(raw)
        assert self.works(former), "the overlap has only begun"
        assert self.plan() == (0, {})
        return raw

    def lose(self) -> None:
        """A value that is deleted by hand is missed, and made good."""
        self.destroy_value(NAME)
        assert self.read_value(NAME) is None
        self._expect_undelivered_then_made_good()

    def tamper(self) -> None:
        """A value that is overwritten by hand is noticed, and made good."""
        if self.overwrite_value is not None:
            self.overwrite_value(NAME, "by-hand")
            self._expect_undelivered_then_made_good()

    def remove(self) -> None:
        """A key that is declared no longer is deleted, and so is its value."""
        raw = self.value()
        self.apply()
        assert not self.works(raw)
        assert self.read_value(NAME) is None
        assert self.works(self.value("stays"))
        assert self.plan() == (0, {})

    def run(self) -> None:
        """All of it, in the order of a life."""
        self.create()
        self.rotate()
        self.lose()
        self.tamper()
        self.remove()

    def _expect_undelivered_then_made_good(self) -> None:
        status, changes = self.plan()
        assert status == 2
        assert changes[f"user/{NAME}"][1] == "undelivered", changes
        self.apply(NAME)
        assert self.works(self.value())
        assert self.plan() == (0, {})


@contextmanager
def travelling(folder: Path, **parts: Any) -> Iterator[Journey]:
    """Yield a journey on a fresh sandbox; `parts` are the fields of Journey from `sink` on."""
    with running(SandboxOptions()) as sandbox:
        yield Journey(folder, sandbox, **parts)
