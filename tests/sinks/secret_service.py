"""A real Secret Service without a desktop: a message bus of its own, and gnome-keyring on it, unlocked."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sinks.serving import serving


@dataclass(frozen=True)
class SecretService:
    """A running one, and what a program needs to find it."""

    environment: Mapping[str, str]

    def look_up(self, service: str, username: str) -> str | None:
        """Return what secret-tool, another program of the desktop, finds."""
        done = self._run("lookup", service, username)
        return done.stdout if done.returncode == 0 else None

    def clear(self, service: str, username: str) -> None:
        """Remove an entry by hand."""
        self._run("clear", service, username)

    def _run(self, verb: str, service: str, username: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["secret-tool", verb, "service", service, "username", username],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def running_secret_service(folder: Path) -> Iterator[SecretService]:
    """Run bus and keyring while the block runs."""
    (folder / "run").mkdir(mode=0o700)
    (folder / "data").mkdir()
    socket = folder / "run" / "bus"
    address = f"unix:path={socket}"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "XDG_DATA_HOME": str(folder / "data"),
        "DBUS_SESSION_BUS_ADDRESS": address,
    }
    service = SecretService(environment)
    bus = ["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address={address}"]
    password = folder / "password"
    password.write_text("pw")
    # Reads its password from stdin, which `serving` keeps closed.
    keyring = ["sh", "-c", f"exec gnome-keyring-daemon --unlock --foreground --components=secrets <{password}"]
    # Whoever asks before the daemon has made and unlocked this one is shown a prompt, and so is everybody after that.
    unlocked = folder / "data" / "keyrings" / "login.keyring"
    log = folder / "log"
    with (
        serving(bus, is_ready=socket.exists, log=log, environment=environment),
        serving(keyring, is_ready=lambda: unlocked.exists() and _answers(service), log=log, environment=environment),
    ):
        yield service


def _answers(service: SecretService) -> bool:
    done = subprocess.run(
        ["secret-tool", "store", "--label=probe", "service", "probe", "username", "probe"],
        input="probe",
        env=service.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    return done.returncode == 0
