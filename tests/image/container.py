"""Containers of the image, run as a careful cluster would: root read-only, no rights, a user that nobody knows."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

UNKNOWN_USER = 12345 if os.geteuid() == 0 else os.geteuid()
"""A user whom the image's passwd does not name, and who owns the mounted folder."""
ALONE = ("--network=none",)
BESIDE_US = ("--network=host",)
"""Reaches a sandbox of the test's own."""
HARDENED = (
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    f"--user={UNKNOWN_USER}:{UNKNOWN_USER}",
)


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Docker or podman, and one image."""

    argv: tuple[str, ...]
    run_options: tuple[str, ...]
    image: str

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Return what the engine's command said."""
        return subprocess.run(
            [*self.argv, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def inspect(self) -> dict[str, Any]:
        """Return what the engine tells about the image."""
        found: list[dict[str, Any]] = json.loads(self.call("image", "inspect", self.image).stdout)
        return found[0]

    def run(self, *arguments: str, options: tuple[str, ...] = ALONE) -> subprocess.CompletedProcess[str]:
        """Run the image with these arguments and return what it said."""
        return self.call(*self._run(options), *arguments)

    def look(self, script: str) -> str:
        """Return what a Python program prints that runs in the image, as the image's own user."""
        done = self.run("-c", script, options=(*ALONE, "--entrypoint=python3"))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @contextmanager
    def started(self, *arguments: str, options: tuple[str, ...] = ALONE) -> Iterator[Container]:
        """Return a container that runs; it is removed after the block."""
        name = f"keyplan-test-{uuid.uuid4().hex}"
        process = subprocess.Popen(
            [*self.argv, *self._run((*options, f"--name={name}")), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield Container(engine=self, name=name, process=process)
        finally:
            if process.poll() is None:
                self.call("kill", name)
            process.communicate(timeout=60)

    def _run(self, options: tuple[str, ...]) -> tuple[str, ...]:
        return ("run", "--rm", *self.run_options, *options, self.image)


@dataclass(frozen=True, kw_only=True)
class Container:
    """A running container, attached."""

    engine: Engine
    name: str
    process: subprocess.Popen[str] = field(repr=False)

    def signal(self, name: str) -> None:
        """Send a signal to process 1, as `docker stop` and a cluster do."""
        done = self.engine.call("kill", f"--signal={name}", self.name)
        assert done.returncode == 0, done.stderr

    def first_process(self) -> str:
        """Return the command line of process 1."""
        read = "print(open('/proc/1/cmdline').read().replace(chr(0), ' ').strip())"
        done = self.engine.call("exec", self.name, "python3", "-c", read)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def finish(self) -> tuple[int, str, str]:
        """Return exit status, output and errors, once it has ended."""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


def mounted(folder: Path) -> tuple[str, ...]:
    """Return the options that show a folder of ours as the working folder, and give it to the unknown user."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, UNKNOWN_USER, UNKNOWN_USER)
    return (f"--volume={folder}:/work",)
