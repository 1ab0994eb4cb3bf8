"""The life of keys on a real server, through the installed command: what the tests of both servers share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers.relay import Break, Relay
from servers.workplace import Workplace

NO_CHANGES = "No changes. Your keys match the manifest."
_MOST_CHANGES = 12
"""No apply of one key sends so many requests that change something."""
_NAMES = count(1)


class RealLife(ABC):
    """What a user does with two keys, and what a crash or another run must not do to them.

    All tests share one server, so each makes keys of names of its own.
    """

    relays: dict[str, Relay]
    adopt = "replace"
    """How this server's keys are adopted."""
    survivors = 2
    """How many keys are listed while an overlap lasts."""

    @pytest.fixture
    @abstractmethod
    def place(self, tmp_path: Path) -> Iterator[Workplace]:
        """Return a folder to work in."""

    @abstractmethod
    def declare(self, name: str, **fields: str) -> str:
        """Return a declaration as YAML in one line."""

    @abstractmethod
    def address(self, name: str) -> str:
        """Return the address of a declaration."""

    @abstractmethod
    def accepts(self, raw_key: str) -> bool:
        """Whether the server accepts a raw key."""

    @abstractmethod
    def list_ids(self, name: str) -> list[str]:
        """Return the ids of the keys of a name that the server lists."""

    @abstractmethod
    def create(self, name: str) -> str:
        """Create a key as a user does by hand, and return its id."""

    @abstractmethod
    def delete(self, key_id: str) -> None:
        """Delete a key as a user does by hand."""

    @pytest.fixture
    def name(self) -> str:
        """Return a name that no other test has."""
        return f"key-{next(_NAMES)}"

    def settle(self, place: Workplace, name: str) -> str:
        """Apply, assert that all is in order, and return the delivered raw key."""
        applied = place.apply()
        assert applied.returncode == 0, applied.stdout + applied.stderr
        raw = place.read_key(name)
        assert self.accepts(raw)
        assert NO_CHANGES in place.run("plan").stdout
        return raw

    # The main job.

    def test_two_keys_are_made_delivered_and_then_in_order(self, place: Workplace, name: str) -> None:
        place.write(self.declare(name, description="Nightly"), self.declare(f"{name}-b"))
        planned = place.run("plan")
        assert "Plan: 2 to add, 0 to change, 0 to destroy." in planned.stdout, planned.stdout + planned.stderr
        applied = place.apply()
        assert applied.stdout.endswith("Apply complete! Resources: 2 added, 0 changed, 0 destroyed.\n"), applied.stderr
        assert all(self.accepts(place.read_key(one)) for one in (name, f"{name}-b"))
        assert place.run("plan", "--detailed-exitcode").returncode == 0
        assert place.run("drift").returncode == 0
        shown = applied.stdout + applied.stderr
        assert place.read_key(name) not in shown
        assert [path.stat().st_mode & 0o777 for path in (place.folder / "secrets").glob("*.key")] == [0o600, 0o600]

    def test_a_lost_ledger_changes_no_plan(self, place: Workplace, name: str) -> None:
        place.write(self.declare(name))
        self.settle(place, name)
        (place.folder / ".keyplan" / "ledger.db").unlink()
        assert NO_CHANGES in place.run("plan").stdout

    def test_a_rotation_keeps_the_old_raw_key_for_its_overlap(self, place: Workplace, name: str) -> None:
        place.write(self.declare(name, rotation="{overlap: 2h}"))
        old = self.settle(place, name)
        rotated = place.run("rotate", "--auto-approve", self.address(name))
        assert rotated.returncode == 0, rotated.stdout + rotated.stderr
        new = place.read_key(name)
        assert (new != old, self.accepts(new), self.accepts(old)) == (True, True, True)
        assert len(self.list_ids(name)) == self.survivors
        assert NO_CHANGES in place.run("plan").stdout

    def test_a_rotation_now_ends_the_old_raw_key(self, place: Workplace, name: str) -> None:
        place.write(self.declare(name))
        old = self.settle(place, name)
        assert place.run("rotate", "--now", "--auto-approve", self.address(name)).returncode == 0
        assert (self.accepts(place.read_key(name)), self.accepts(old)) == (True, False)
        assert len(self.list_ids(name)) == 1

    def test_a_key_made_by_hand_is_adopted_only_if_the_manifest_says_so(self, place: Workplace, name: str) -> None:
        foreign = self.create(name)
        place.write(self.declare(name))
        refused = place.apply()
        assert (refused.returncode, self.list_ids(name)) == (4, [foreign])
        place.write(self.declare(name, adopt=self.adopt, rotation="{overlap: 0s}"))
        self.settle(place, name)

    def test_a_key_deleted_by_hand_is_drift_and_made_again(self, place: Workplace, name: str) -> None:
        place.write(self.declare(name))
        old = self.settle(place, name)
        (key_id,) = self.list_ids(name)
        self.delete(key_id)
        drifted = place.run("drift")
        assert (drifted.returncode, f"! gone               {self.address(name)}" in drifted.stdout) == (2, True), (
            drifted.stdout
        )
        assert self.settle(place, name) != old

    def test_a_removed_declaration_ends_its_key_and_empties_its_place(self, place: Workplace, name: str) -> None:
        place.write(self.declare(name), self.declare(f"{name}-b"))
        raw = self.settle(place, name)
        place.write(self.declare(f"{name}-b"))
        assert "Plan: 0 to add, 0 to change, 1 to destroy." in place.run("plan").stdout
        assert place.apply().returncode == 0
        assert (self.accepts(raw), self.list_ids(name)) == (False, [])
        assert not (place.folder / "secrets" / f"{name}.key").exists()

    # Crashes.

    @pytest.mark.parametrize("how", list(Break))
    @pytest.mark.parametrize("flow", ["create", "rotate", "remove"])
    def test_one_more_apply_heals_a_broken_first_request(
        self, place: Workplace, name: str, flow: str, how: Break
    ) -> None:
        assert self.break_once(place, name, flow, 1, how)

    @pytest.mark.soak
    @pytest.mark.parametrize("how", list(Break))
    @pytest.mark.parametrize("flow", ["create", "rotate", "remove"])
    def test_one_more_apply_heals_any_broken_request(self, place: Workplace, name: str, flow: str, how: Break) -> None:
        broken = 0
        while self.break_once(place, f"{name}-{broken}", flow, broken + 1, how):
            broken += 1
            assert broken < _MOST_CHANGES
        assert broken > 0

    def break_once(self, place: Workplace, name: str, flow: str, nth: int, how: Break) -> bool:
        """Break the nth changing request of a flow, and assert that one more apply settles it; no if there is none."""
        at_once = "{overlap: 0s}"
        if flow != "create":
            place.write(self.declare(name, rotation=at_once))
            self.settle(place, name)
        match flow:
            case "rotate":
                place.write(self.declare(name, rotation="{overlap: 0s, generation: 2}"))
            case "remove":
                place.write(self.declare(f"{name}-b", rotation=at_once))
            case _:
                place.write(self.declare(name, rotation=at_once))
        has_broken = place.break_apply(nth, how)
        kept = f"{name}-b" if flow == "remove" else name
        self.settle(place, kept)
        assert len(self.list_ids(kept)) == 1, "a key lives that no place holds"
        if flow == "remove":
            assert self.list_ids(name) == []
        return has_broken

    # Races.

    @pytest.mark.parametrize("flow", ["create", "rotate"])
    def test_two_runs_with_one_sink_and_two_ledgers_leave_one_key(self, place: Workplace, name: str, flow: str) -> None:
        declared = self.declare(name, rotation="{overlap: 0s}")
        if flow == "rotate":
            place.write(declared)
            self.settle(place, name)
            declared = self.declare(name, rotation="{overlap: 0s, generation: 2}")
        place.write(declared, ledger="{type: sqlite, path: one.db}")
        first = place.start("apply", "--auto-approve")
        text = (place.folder / "keys.yaml").read_text().replace("one.db", "two.db")
        (place.folder / "other.yaml").write_text(text)
        second = place.start("apply", "--auto-approve", "other.yaml")
        for process in (first, second):
            process.communicate(timeout=120)
        assert {first.returncode, second.returncode} <= {0, 4, 5, 6}
        for manifest in ("keys.yaml", "other.yaml"):
            settled = place.run("apply", "--auto-approve", manifest)
            assert settled.returncode == 0, settled.stdout + settled.stderr
        assert len(self.list_ids(name)) == 1, "a key lives that no place holds"
        assert self.accepts(place.read_key(name))
        assert NO_CHANGES in place.run("plan").stdout


def read(answer: httpx.Response) -> Any:
    """Return the JSON of an answer that must be a success."""
    answer.raise_for_status()
    return answer.json() if answer.content else None
