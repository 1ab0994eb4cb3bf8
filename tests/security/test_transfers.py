"""An owner is renamed, and a key moves between two manifests: no new raw key, and nothing is ended on the way."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from security.company import Repository
from security.conftest import OpenRepository

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

NO_CHANGES = "No changes."
by_ledger = pytest.mark.parametrize("ledger", ["kept", "lost"])


@by_ledger
@pytest.mark.parametrize("manifest_id", ["ka1b2c3d", ""], ids=["with an id", "without an id"])
def test_a_renamed_owner_keeps_its_keys(opened: OpenRepository, ledger: str, manifest_id: str) -> None:
    team = opened(owner="old-team", manifest_id=manifest_id)
    team.settle()
    held, before, requests = team.store.value("ci"), team.keys_of(), len(team.mutations())
    if ledger == "lost":
        team.lose_ledger()
    team.owner, team.more = "new-team", "formerly: [old-team]"
    team.declare()
    team.expect(0, "plan")
    team.expect(0, "apply", "--auto-approve")
    assert (team.mutations()[requests:], team.keys_of(), team.store.value("ci")) == ([], before, held)
    assert NO_CHANGES in team.expect(0, "plan", "--detailed-exitcode")


def test_the_marker_is_renewed_with_the_next_replace(opened: OpenRepository) -> None:
    team = opened(owner="old-team")
    team.settle("keys:\n  - {name: ci, key_type: user, rotation: {strategy: replace, overlap: 1h}}\n")
    team.owner, team.more = "new-team", "formerly: [old-team]"
    team.declare("keys:\n  - {name: ci, key_type: user, rotation: {strategy: replace, overlap: 1h}}\n")
    team.expect(0, "rotate", "user/ci", "--auto-approve")
    current = team.control("POST", "check", {"key": team.store.value("ci")})["id"]
    assert team.keys_of()[current]["description"] == team.marker_of("user/ci").attach("")
    assert NO_CHANGES in team.expect(0, "plan")


def test_a_renamed_owner_still_ends_a_key_whose_declaration_is_removed(opened: OpenRepository) -> None:
    team = opened(owner="old-team")
    team.settle("keys:\n  - {name: ci, key_type: user}\n  - {name: other, key_type: user}\n")
    team.owner, team.more = "new-team", "formerly: [old-team]"
    team.declare("keys:\n  - {name: other, key_type: user}\n")
    raw = team.store.value("ci")
    team.expect(0, "apply", "--auto-approve")
    assert (team.is_valid(raw), team.is_valid(team.store.value("other"))) == (False, True)


@pytest.mark.parametrize(("ledger", "status"), [("kept", 7), ("lost", 4)])
def test_without_formerly_a_renamed_owner_ends_nothing_of_the_old_one(
    opened: OpenRepository, ledger: str, status: int
) -> None:
    team = opened(owner="old-team")
    team.settle()
    held, before = team.store.value("ci"), team.keys_of()
    team.owner = "new-team"
    team.declare()
    if ledger == "lost":
        team.lose_ledger()
    assert "old-team" in team.expect(status, "plan")
    team.expect(status, "apply", "--auto-approve")
    assert {key_id: team.keys_of()[key_id] for key_id in before} == before
    assert (team.store.value("ci"), team.is_valid(held)) == (held, True)


@dataclass
class Move:
    """Two manifests in one folder, and a key that moves from the first to the second."""

    folder: Repository

    def write(self, name: str, *, owner: str, manifest_id: str, keys: str, more: str = "") -> None:
        """Write a manifest with a ledger of its own."""
        ledger = f"ledger: {{type: sqlite, path: .keyplan/{name}.db}}"
        self.folder.owner, self.folder.manifest_id = owner, manifest_id
        self.folder.more = "\n".join([ledger, *([more] if more else [])])
        self.folder.declare(keys, name=f"{name}.yaml")

    def write_source(self, *, is_after: bool, more: str = "") -> None:
        """Write the manifest that has the key at first."""
        moving = "" if is_after else "  - {name: ci, key_type: user}\n"
        keys = f"keys:\n  - {{name: a, key_type: user}}\n  - {{name: b, key_type: user}}\n{moving}"
        self.write("source", owner="team-a", manifest_id="ka1b2c3d", keys=keys, more=more)

    def write_target(self, *, is_after: bool) -> None:
        """Write the manifest that has it afterwards."""
        origin = "[{owner: team-a, id: ka1b2c3d, address: user/ci}]"
        moving = f"  - {{name: ci, key_type: user, moved_from: {origin}}}\n" if is_after else ""
        keys = f"keys:\n  - {{name: c, key_type: user}}\n{moving}"
        self.write("target", owner="team-b", manifest_id="kb9z8y7x", keys=keys)

    def settle(self) -> None:
        """Apply both as they are before."""
        self.write_source(is_after=False)
        self.write_target(is_after=False)
        self.apply("source", "target")

    def apply(self, *names: str) -> None:
        """Apply manifests one after the other, without any option."""
        for name in names:
            self.folder.expect(0, "apply", f"{name}.yaml", "--auto-approve")


@pytest.fixture
def move(opened: OpenRepository) -> Move:
    """Return a key that is about to move."""
    move = Move(opened())
    move.settle()
    return move


@by_ledger
@pytest.mark.parametrize("order", [("source", "target"), ("target", "source")], ids="-then-".join)
def test_a_key_moves_between_two_manifests_in_either_order(move: Move, order: tuple[str, str], ledger: str) -> None:
    folder = move.folder
    held, before, requests = folder.store.value("ci"), folder.keys_of(), len(folder.mutations())
    if ledger == "lost":
        folder.lose_ledger()
    move.write_source(is_after=True, more="removed: [{address: user/ci, to: team-b}]")
    move.write_target(is_after=True)
    move.apply(*order, *order)
    assert (folder.mutations()[requests:], folder.keys_of(), folder.store.value("ci")) == ([], before, held)
    for name in order:
        assert NO_CHANGES in folder.expect(0, "plan", f"{name}.yaml", "--detailed-exitcode")
    assert folder.store.note("ci")["owner"] == "team-b"


def test_the_new_owners_receipt_stops_the_delete_if_removed_was_forgotten(move: Move) -> None:
    folder = move.folder
    held, before, requests = folder.store.value("ci"), folder.keys_of(), len(folder.mutations())
    move.write_source(is_after=True)
    move.write_target(is_after=True)
    move.apply("target")
    assert folder.key_id("ci") in folder.expect(0, "plan", "source.yaml")
    folder.expect(0, "apply", "source.yaml", "--auto-approve")
    assert (folder.mutations()[requests:], folder.keys_of(), folder.store.value("ci")) == ([], before, held)
    assert NO_CHANGES in folder.expect(0, "plan", "target.yaml", "--detailed-exitcode")


def test_a_key_that_was_let_go_lives_on_if_nobody_takes_it(move: Move) -> None:
    folder = move.folder
    held, before = folder.store.value("ci"), folder.keys_of()
    move.write_source(is_after=True, more="removed: [{address: user/ci, to: team-b}]")
    move.apply("source", "source")
    assert (folder.keys_of(), folder.store.value("ci")) == (before, held)
    assert folder.is_valid(held)


def test_a_declaration_takes_only_what_stood_at_the_address_that_it_names(move: Move) -> None:
    folder = move.folder
    before = folder.keys_of()
    origin = "[{owner: team-a, id: ka1b2c3d, address: user/elsewhere}]"
    keys = f"keys:\n  - {{name: c, key_type: user}}\n  - {{name: ci, key_type: user, moved_from: {origin}}}\n"
    held = folder.store.value("ci")
    move.write("target", owner="team-b", manifest_id="kb9z8y7x", keys=keys)
    assert "team-a" in folder.expect(4, "apply", "target.yaml", "--auto-approve")
    assert {key_id: folder.keys_of()[key_id] for key_id in before} == before
    assert folder.store.value("ci") == held, "a place of another owner was written"
