"""The installed command, a sandbox on real HTTP, and a folder to work in."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

COMMAND = Path(sys.executable).with_name("keyplan")
HEAD = """\
version: 1
owner: e2e
provider: {{base_url: "{url}", api: {api}, patience_seconds: 2}}
sinks:
  local: {{type: file, path: "secrets/{{name}}.key"}}
defaults: {{sink: local}}
"""
TWO_KEYS = """\
keys:
  - {name: ci, key_type: user, description: Used by CI}
  - {name: ingest, key_type: service, space: production, expires_in: 90d}
"""


@dataclass(kw_only=True)
class Terminal:
    """Somebody at a prompt in an empty folder, with a credential in the environment."""

    folder: Path
    url: str
    credential: str = field(repr=False)
    api: str

    def write(self, keys: str = TWO_KEYS, *, head: str = HEAD) -> None:
        """Write keys.yaml."""
        text = head.format(url=self.url, api=self.api) + keys
        (self.folder / "keys.yaml").write_text(text)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `keyplan` with these arguments and return what it said."""
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    @property
    def environment(self) -> dict[str, str]:
        """Return what a command run here finds in its environment."""
        return {"PATH": "/usr/bin:/bin", "ARIZE_API_KEY": self.credential, "LC_ALL": "C.UTF-8"}

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start `keyplan` with these arguments, and return at once."""
        defaults = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [COMMAND, *arguments], cwd=self.folder, env=self.environment, text=True, **(defaults | options)
        )

    def start_apply(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start an apply that asks nobody, one key at a time, and return at once."""
        return self.start("apply", "--auto-approve", "--parallelism", "1", *arguments, **options)

    def await_held(self) -> None:
        """Wait until the sandbox holds a request back, as a `delay` told it to."""
        for _ in range(600):
            if any(one["fault"] == "delay" for one in self.control("GET", "requests")["requests"]):
                return
            time.sleep(0.05)
        raise AssertionError("no request was held back")

    def apply(self) -> subprocess.CompletedProcess[str]:
        """Apply keys.yaml and ask nobody."""
        return self.run("apply", "--auto-approve")

    def delivered(self, name: str) -> str:
        """Return the raw key that a consumer of that key would read."""
        return (self.folder / "secrets" / f"{name}.key").read_text()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the sandbox's control endpoints."""
        answer = httpx.request(method, f"{self.url}/_sandbox/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def is_valid(self, raw: str) -> bool:
        """Whether the sandbox accepts a raw key."""
        return bool(self.control("POST", "check", {"key": raw})["valid"])

    def live_names(self) -> list[str]:
        """Return the names of all active keys but the first credential's, sorted."""
        keys = self.control("GET", "keys")["keys"]
        alive = [key["name"] for key in keys if key["is_live"]]
        return sorted(name for name in alive if name != "keyplan sandbox")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API itself, as a person with the same credential would."""
        headers = {"Authorization": f"Bearer {self.credential}"}
        answer = httpx.request(method, f"{self.url}/v2/{path}", json=body, headers=headers, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def break_requests(self, method: str, path: str, **action: Any) -> None:
        """Make the sandbox answer requests that fit wrongly, from now on."""
        self.control("POST", "faults", {"faults": [{"method": method, "path": path, **action}]})

    def mutations(self) -> list[str]:
        """Return `METHOD path` of every request so far that was to change something."""
        requests = self.control("GET", "requests")["requests"]
        return [f"{one['method']} {one['target']}" for one in requests if one["method"] != "GET"]
