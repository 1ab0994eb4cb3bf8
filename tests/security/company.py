"""A company beside one sandbox: repositories with manifests, a colleague, and all keys of the account.

A test compares what it saw before and after: `keys_of` returns every key, so that nothing can change unseen.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from e2e.terminal import Terminal
from security.stores import RawFile, Store

from keyplan.app.wiring import PluginWiring
from keyplan.cli.main import run
from keyplan.cli.screen import Screen
from keyplan.cli.session import Session
from keyplan.cli.signals import Interrupts
from keyplan.model.identity import Address, Identity, ManifestId
from keyplan.model.observation import Marker
from keyplan.sandbox.seeds import FIRST_USER_ID, SECOND_USER_ID

KeyRow = dict[str, Any]
SHORT_LEASE = "ledger: {lease: 5s}"
"""A line of the manifest: what a killed run began can be finished so soon, without its ledger."""
ONE_KEY = "keys:\n  - {name: ci, key_type: user}\n"
ONE_KEY_AT_ONCE = "keys:\n  - {name: ci, key_type: user, rotation: {overlap: 0s}}\n"
"""Without its ledger, a killed run leaves a key that consumers may hold; without an overlap it ends at once."""
BY_A_MEMBER = "by a member"
"""How the description of every key begins that the sandbox shows as the second user's."""
PAST = "2020-01-01T00:00:00Z"
FUTURE = "2099-01-01T00:00:00Z"


@dataclass(kw_only=True)
class Repository(Terminal):
    """A folder with one manifest, in which keyplan runs."""

    owner: str = "team-a"
    manifest_id: str = "ka1b2c3d"
    """Empty: the manifest has no `id`."""
    store: Store = field(init=False)
    more: str = ""
    """Further lines at the top of the manifest."""
    store_type: Callable[[Path], Store] = RawFile

    def __post_init__(self) -> None:
        """Make the folder, with what the sink needs."""
        self.store = self.store_type(self.folder)
        self.store.prepare()

    @property
    def identity(self) -> Identity:
        """Who the manifest is."""
        return Identity(self.owner, ManifestId(self.manifest_id))

    @property
    def environment(self) -> dict[str, str]:
        """Return what a command finds in its environment."""
        return super().environment | self.store.environment

    def declare(self, keys: str = ONE_KEY, *, name: str = "keys.yaml") -> None:
        """Write the manifest."""
        lines = [
            "version: 1",
            f"owner: {self.owner}",
            *([f"id: {self.manifest_id}"] if self.manifest_id else []),
            f'provider: {{base_url: "{self.url}", api: {self.api}, patience_seconds: 2}}',
            f"sinks: {{local: {self.store.settings}}}",
            "defaults: {sink: local}",
            *([self.more] if self.more else []),
        ]
        (self.folder / name).write_text("\n".join([*lines, keys]))

    def settle(self, keys: str = ONE_KEY) -> None:
        """Declare keys, and apply without any option but the approval."""
        self.declare(keys)
        self.expect(0, "apply", "--auto-approve")

    def expect(self, status: int, *arguments: str, **environment: str) -> str:
        """Run keyplan, assert its exit status, and return all that it wrote."""
        done = self.run(*arguments, **environment)
        written = done.stdout + done.stderr
        assert "Traceback" not in written, written
        assert done.returncode == status, written
        return written

    def document(self, *arguments: str) -> Any:
        """Return the plan as JSON, whatever its exit status."""
        return json.loads(self.run("plan", "--format", "json", *arguments).stdout)

    def lose_ledger(self) -> None:
        """Run on a fresh machine from now on: the ledger's folder is gone."""
        shutil.rmtree(self.folder / ".keyplan")

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run keyplan in this process: the same command line, and hundreds of tests start no interpreter."""
        out, err = io.StringIO(), io.StringIO()
        known = {**self.environment, **environment}
        session = Session(
            environment=known,
            folder=self.folder,
            screen=Screen(stdin=io.StringIO(), stdout=out, stderr=err, environment=known),
            interrupts=Interrupts(err.write),
            read_stdin=io.BytesIO().read,
            wire=PluginWiring,
        )
        return subprocess.CompletedProcess(arguments, run(arguments, session), out.getvalue(), err.getvalue())

    def die_after_creating(self) -> None:
        """Run an apply, and kill its process when the key exists and its raw key has not arrived."""
        self.break_requests("POST", "/v2/api-keys$", action="delay", seconds=30, when="after")
        with self.start_apply() as process:
            try:
                self.await_held()
            finally:
                process.kill()
        self.control("DELETE", "faults")

    # the provider

    def keys_of(self) -> dict[str, KeyRow]:
        """Return every key of the account by id, live or dead, without the time of its last use."""
        rows: list[KeyRow] = self.control("GET", "keys")["keys"]
        return {row["id"]: {name: value for name, value in row.items() if name != "last_used_at"} for row in rows}

    def live_ids(self, name: str) -> set[str]:
        """Return the ids of the live keys of a name."""
        return {key_id for key_id, row in self.keys_of().items() if row["name"] == name and row["is_live"]}

    def live_names(self) -> list[str]:
        """Return the names of all live keys but those of the users themselves, sorted."""
        return [name for name in super().live_names() if not name.startswith("keyplan sandbox")]

    def key_id(self, name: str) -> str:
        """Return the id of the one live key of a name."""
        (key_id,) = self.live_ids(name)
        return key_id

    def make_by_hand(self, name: str, *, description: str = "", credential: str = "") -> KeyRow:
        """Make a user key as a user would, past keyplan, and return the API's answer."""
        kind = "user" if self.api == "alpha" else "USER"
        body = {"name": name, "key_type": kind} | ({"description": description} if description else {})
        headers = {"Authorization": f"Bearer {credential or self.credential}"}
        answer = httpx.post(f"{self.url}/v2/api-keys", json=body, headers=headers, timeout=10)
        answer.raise_for_status()
        made: KeyRow = answer.json()
        return made

    def member_makes(self, name: str, marker: Marker | None) -> KeyRow:
        """Make a key that every listing from now on shows as the second user's."""
        # Whose keys a listing holds is the provider's affair; here it holds the member's, too, in both generations.
        self.show_members()
        description = marker.attach(BY_A_MEMBER) if marker else BY_A_MEMBER
        return self.make_by_hand(name, description=description)

    def show_members(self) -> None:
        """Have listings name the second user as the creator of members' keys."""
        self.break_requests(
            "GET",
            "/v2/api-keys",
            action="rewrite",
            pattern=f'"created_by_user_id":"{FIRST_USER_ID}"(?=,"description":"{BY_A_MEMBER})',
            replacement=f'"created_by_user_id":"{SECOND_USER_ID}"',
            times=0,
        )

    def marker_of(self, address: str) -> Marker:
        """Return the marker that keyplan puts on the key of an address."""
        return Marker.of(self.identity, Address(address))


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder."""
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
