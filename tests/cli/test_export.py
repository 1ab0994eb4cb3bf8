"""`keyplan export`: a grown account comes under a manifest, and nothing at the provider changes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cli.shell import Shell
from simulator import World

from keyplan.model.manifest import KeyType, OrganizationGrant, Role, SpaceGrant
from keyplan.model.observation import Access

SPACES = ("production", "staging")


def fill(shell: Shell) -> None:
    """Make keys by hand: of users, of two spaces, and several of one name."""
    provider = shell.world.provider
    for number in range(20):
        provider.person_creates(f"user {number}", description=f"of user {number}")
    for _ in range(10):
        shell.world.clock.advance(timedelta(seconds=1))
        provider.person_creates("ci")
    if provider.laws().shows_scopes:
        for number in range(20):
            space = provider.spaces[SPACES[number % 2]]
            granted = OrganizationGrant(
                org_id=space.organization_id, spaces=(SpaceGrant(space_id=space.id, role=Role("admin")),)
            )
            access = Access(account_role=Role("member"), organizations=(granted,))
            provider.person_creates(f"ingest {number // 2}", key_type=KeyType.SERVICE, access=access)


def put_by_hand(shell: Shell) -> None:
    """Put each raw key where the exported manifest looks for it, as its consumers' owners have long done."""
    names = {space.id: name for name, space in shell.world.provider.spaces.items()}
    for record in shell.world.provider.live():
        spaces = record.access.scope_ids() if record.access else ()
        parts = (record.key_type.value, *(names[space] for space in spaces), record.name)
        shell.world.sinks["local"].person_writes("/".join(parts), record.raw)  # type: ignore[index]  # a sink's name


@pytest.mark.parametrize(("api", "declared", "withheld"), [("alpha", 21, 9), ("beta", 41, 9)])
def test_an_exported_account_is_imported_whole_and_nothing_changes(
    tmp_path: Path, api: str, declared: int, withheld: int
) -> None:
    shell = Shell(folder=tmp_path, world=World(dialect=api))  # type: ignore[arg-type]  # one of the two
    fill(shell)
    before = dict(shell.world.provider.records)
    put_by_hand(shell)
    exported = shell("export", "--owner", "acme")
    assert exported.status == 0
    assert f"{declared} keys declared; {withheld} written as comments" in exported.err
    shell.write(exported.out)
    planned = shell("plan")
    assert planned.status == 0, planned.out + planned.err
    assert f"{declared} to import." in planned.out
    assert "Plan: 0 to add, 0 to change, 0 to destroy." in planned.out
    applied = shell("apply", "--auto-approve")
    assert applied.status == 0, applied.out + applied.err
    assert "No changes. Your keys match the manifest." in shell("plan").out
    assert shell.world.provider.records == before


def test_a_folder_for_each_space_holds_manifests_that_can_be_used_together(shell: Shell) -> None:
    fill(shell)
    done = shell("export", "--owner", "acme", "--split-by", "space", "--out", "teams")
    assert done.status == 0, done.err
    written = sorted(str(path.relative_to(shell.folder)) for path in (shell.folder / "teams").rglob("*.yaml"))
    assert written == ["teams/production/keys.yaml", "teams/staging/keys.yaml", "teams/user-keys/keys.yaml"]
    assert shell("validate", "teams").status == 0


def test_nothing_is_written_over_a_manifest_that_is_there(shell: Shell) -> None:
    fill(shell)
    (shell.folder / "teams" / "staging").mkdir(parents=True)
    there = shell.folder / "teams" / "staging" / "keys.yaml"
    there.write_text("mine")
    done = shell("export", "--owner", "acme", "--split-by", "space", "--out", "teams")
    assert (done.status, there.read_text()) == (3, "mine")
    assert "exists already" in done.err
    assert not (shell.folder / "teams" / "production").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--split-by", "space"), "name their folder with --out DIR"),
        (("--owner", "Not A Slug"), "first a letter or digit"),
    ],
)
def test_what_cannot_be_meant_is_64(shell: Shell, arguments: tuple[str, ...], message: str) -> None:
    done = shell("export", *arguments)
    assert (done.status, done.out) == (64, "")
    assert message in done.err


def test_an_unknown_space_is_3(shell: Shell) -> None:
    done = shell("export", "--space", "prodution", "--owner", "acme")
    assert (done.status, done.out) == (3, "")
    assert "prodution" in done.err
    assert shell.wiring.closed == 1


def test_the_owner_comes_from_the_folder(shell: Shell) -> None:
    (shell.folder / "payments").mkdir()
    done = shell("export", "--out", "payments")
    assert done.status == 0, done.err
    assert "owner: payments\n" in (shell.folder / "payments" / "keys.yaml").read_text()


def test_the_options_of_the_provider_stand_in_the_manifest(shell: Shell) -> None:
    done = shell("export", "--owner", "acme", "--region", "eu-west-1a", "--api", "beta")
    assert "provider: {type: arize, region: eu-west-1a, api: beta, credential: {env: ARIZE_API_KEY}}" in done.out
