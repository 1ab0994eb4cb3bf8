"""`keyplan export`: a grown account comes under a manifest, and nothing at the provider changes."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cli.shell import Outcome, Shell
from simulator import FULL, KeyRecord, World
from syrupy.assertion import SnapshotAssertion
from two_providers import ARIZE, HEAD, SECOND_URL, PairShell, make_pair

from keyplan.app.files import Input, read_manifest
from keyplan.model.identity import ScopeId, SinkName
from keyplan.model.manifest import KeyType, OrganizationGrant, Role, SpaceGrant
from keyplan.model.observation import Access

SPACES = ("production", "staging")
PROVIDERS = HEAD.replace("TYPE", "zenml")


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


@pytest.fixture
def pair(tmp_path: Path) -> PairShell:
    """Return a shell with two providers, at each of which a person has made a key of the same name."""
    shell = make_pair(tmp_path)
    _, second = (one.person_creates("by-hand") for one in (shell.first, shell.second))
    shell.second.records[second.id] = in_account(second)
    return shell


def in_account(record: KeyRecord) -> KeyRecord:
    """Return a key as one of a service account."""
    return replace(record, key_type=KeyType.SERVICE, scope_id=ScopeId("space-staging"))


def export_pair(shell: PairShell, *options: str) -> Outcome:
    """Export the keys of the providers that another manifest names."""
    shell.write(PROVIDERS, "providers.yaml")
    return shell("export", "--owner", "acme", "--manifest", "providers.yaml", *options)


def test_the_keys_of_several_providers_are_exported_into_one_manifest(
    pair: PairShell, snapshot: SnapshotAssertion
) -> None:
    done = export_pair(pair)
    assert done.status == 0, done.err
    text = re.sub(r"\nid: \w+", "\nid: k7f3a9c2", done.out)
    assert text == snapshot
    assert "2 keys declared." in done.err
    assert pair.first.shown == pair.second.shown == []


def test_an_export_of_several_providers_is_imported_whole_and_then_nothing_changes(tmp_path: Path) -> None:
    shell = make_pair(tmp_path, ARIZE, world=World(sinks={"local": FULL, "local-zen": FULL}))
    for one, sink, place in ((shell.first, "local", "user/by-hand"), (shell.second, "local-zen", "zen:user/by-hand")):
        shell.world.sinks[SinkName(sink)].person_writes(place, one.person_creates("by-hand").raw)
    before = (dict(shell.first.records), dict(shell.second.records))
    exported = shell("export", "--owner", "acme", "--manifest", "keys.yaml")
    shell.write(exported.out)
    planned = shell("plan")
    assert planned.status == 0, planned.out + planned.err
    assert "2 to import." in planned.out
    assert "Plan: 0 to add, 0 to change, 0 to destroy." in planned.out
    applied = shell("apply", "--auto-approve")
    assert applied.status == 0, applied.out + applied.err
    assert "No changes. Your keys match the manifest." in shell("plan").out
    assert (shell.first.records, shell.second.records) == before


def test_an_export_of_several_providers_may_be_cut_by_the_space_of_one(pair: PairShell) -> None:
    done = export_pair(pair, "--space", "zen:staging")
    assert (done.status, done.out.count("- name:")) == (0, 1), done.err
    assert 'import: "zen:key-0501"' in done.out
    unknown = export_pair(pair, "--space", "zen:elsewhere")
    assert (unknown.status, f"provider 'zen' ({SECOND_URL}): space 'elsewhere' is unknown" in unknown.err) == (3, True)


def test_an_export_names_the_provider_that_is_down_and_writes_nothing(pair: PairShell) -> None:
    pair.second.is_denied = True
    done = export_pair(pair, "--out", "teams")
    assert (done.status, done.out) == (5, "")
    assert f"provider 'zen' ({SECOND_URL}): 403 Forbidden" in done.err
    assert not (pair.folder / "teams").exists()
    assert pair.wiring.closed == pair.wiring.opened, "a provider is still open"


def test_a_key_that_no_declaration_fits_is_a_comment(pair: PairShell) -> None:
    pair.second.person_creates("odd")
    done = export_pair(pair)
    assert done.status == 0, done.err
    assert (
        "  # Not declared: no manifest can declare keys of this type for this provider\n  # - name: odd\n" in done.out
    )


def test_a_key_of_an_account_whose_name_another_one_has_is_a_comment(pair: PairShell) -> None:
    spaces = pair.second.spaces
    spaces["another"] = replace(spaces["staging"], id=ScopeId("space-another"))
    done = export_pair(pair)
    assert done.status == 0, done.err
    assert "  # Not declared: its service account is not known by a name of its own\n" in done.out
    assert "1 key declared; 1 written as comments" in done.err


def test_the_settings_of_providers_are_written_as_they_are_read(pair: PairShell) -> None:
    login = "{username: admin, password: {command: [pass, zen]}}"
    further = "creators: [ada], patience_seconds: 30, max_lifetime: 90d, reader_credential: {file: read.key}"
    rich = f"credential: {login}, {further}"
    pair.write(PROVIDERS.replace("credential: {env: ZEN_KEY}", rich), "rich.yaml")
    done = pair("export", "--owner", "acme", "--manifest", "rich.yaml")
    assert done.status == 0, done.err
    for text in (rich, done.out):
        assert f"credential: {login}" in text
    read = [
        read_manifest(Input(name="keys.yaml", folder=pair.folder, content=text.encode()))
        for text in ((pair.folder / "rich.yaml").read_text(), done.out)
    ]
    assert read[0].providers == read[1].providers


def test_a_manifest_with_one_provider_of_another_kind_is_exported_by_its_form(tmp_path: Path) -> None:
    shell = Shell(tmp_path, World())
    provider = shell.world.provider
    key = provider.person_creates("by-hand")
    provider.records[key.id] = in_account(key)
    provider.dialect = "zenml"
    one = 'provider: {type: zenml, base_url: "https://zen.example.com", credential: {env: ZEN_KEY}}\n'
    shell.write(f"version: 1\nowner: acme\nid: k7f3a9c2\n{one}sinks: {{}}\nkeys: []\n", "one.yaml")
    done = shell("export", "--owner", "acme", "--manifest", "one.yaml")
    assert done.status == 0, done.err
    assert one in done.out
    assert "service_account: staging" in done.out
    assert "variable: ZENML_API_KEY" in done.out


def test_options_of_a_provider_do_not_go_with_a_manifest(shell: Shell) -> None:
    done = shell("export", "--manifest", "keys.yaml", "--region", "eu-west-1a", "--owner", "acme")
    assert (done.status, "leave them out beside --manifest" in done.err) == (64, True)
