"""A folder with a manifest, the installed command, and a relay to a real server."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

from servers.relay import Break, Relay

COMMAND = Path(sys.executable).with_name("keyplan")
_MOST_SECONDS = 120


@dataclass(kw_only=True)
class Workplace:
    """Where one manifest is applied; the server sees its requests through the relay."""

    folder: Path
    relay: Relay
    provider: str
    """The provider's type, and further settings as YAML in one line."""
    credential: tuple[str, str] = field(repr=False)
    """The variable that holds it, and its value."""
    manifest_id: str = field(default_factory=lambda: f"k{token_hex(4)}")
    """Tests share a server: with one id, each would plan to delete the keys of the others."""

    def write(self, *keys: str, ledger: str = "", further: str = "") -> None:
        """Write keys.yaml with these declarations, a line each."""
        head = [
            "version: 1",
            "owner: e2e",
            f"id: {self.manifest_id}",
            f"provider: {{type: {self.provider}, base_url: '{self.relay.url}', patience_seconds: 10}}",
            "sinks: {local: {type: file, path: 'secrets/{name}.key'}}",
            "defaults: {sink: local}",
            *([f"ledger: {ledger}"] if ledger else []),
            *([further] if further else []),
            "keys:",
        ]
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "keys.yaml").write_text("\n".join([*head, *(f"  - {key}" for key in keys), ""]))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `keyplan` with these arguments, and return what it printed."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=_MOST_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `keyplan` with these arguments, and return at once."""
        variable, value = self.credential
        return subprocess.Popen(
            [COMMAND, *arguments],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.folder), variable: value},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def apply(self) -> subprocess.CompletedProcess[str]:
        """Apply keys.yaml, one key after the other."""
        return self.run("apply", "--auto-approve", "--parallelism", "1")

    def break_apply(self, nth: int, how: Break) -> bool:
        """Apply, and break the nth request that changes something; no if there were fewer."""
        self.relay.arm(nth, how)
        process = self.start("apply", "--auto-approve", "--parallelism", "1")
        self.relay.victim = process.pid
        process.communicate(timeout=_MOST_SECONDS)
        return self.relay.disarm()

    def read_key(self, name: str) -> str:
        """Return the raw key that a consumer would read."""
        return (self.folder / "secrets" / f"{name}.key").read_text()
