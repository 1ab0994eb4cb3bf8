"""`keyplan list`."""

from __future__ import annotations

import json

import pytest
from cli.shell import MANIFEST, Shell

from keyplan.model.manifest import FromEnvironment

WITH_PROVIDER = MANIFEST + "provider: {region: eu-west-1a, api: beta, credential: {env: MY_KEY}}\n"


def names(shell: Shell, *options: str) -> list[str]:
    return [key["name"] for key in json.loads(shell("list", "--format", "json", *options).out)]


@pytest.fixture
def filled(shell: Shell) -> Shell:
    """Return a shell whose provider has a live user key and a dead one."""
    shell.world.provider.person_creates("alive")
    dead = shell.world.provider.person_creates("dead")
    shell.world.provider.person_deletes(dead.id)
    return shell


def test_live_keys_are_listed_as_a_table(filled: Shell) -> None:
    done = filled("list")
    assert done.status == 0
    assert done.out.startswith("NAME ")
    assert done.out.endswith("1 key.\n")


@pytest.mark.parametrize(
    ("status", "expected"),
    [("active", ["alive"]), ("revoked", ["dead"]), ("deleted", ["dead"]), ("all", ["alive", "dead"])],
)
def test_the_status_chooses(filled: Shell, status: str, expected: list[str]) -> None:
    assert sorted(names(filled, "--status", status)) == expected


def test_the_type_chooses(filled: Shell) -> None:
    assert names(filled, "--key-type", "service") == []


def test_the_space_chooses(filled: Shell) -> None:
    filled.write()
    filled("apply", "--auto-approve")
    space = filled.world.provider.spaces["production"].id
    assert "ingest" in names(filled, "--space-id", space)


def test_a_space_may_be_named_by_its_name(filled: Shell) -> None:
    filled.write()
    filled("apply", "--auto-approve")
    assert names(filled, "--space", "production") == names(
        filled, "--space-id", filled.world.provider.spaces["production"].id
    )
    assert names(filled, "--space", "staging") == names(
        filled, "--space-id", filled.world.provider.spaces["staging"].id
    )


def test_a_space_that_is_unknown_is_3(filled: Shell) -> None:
    done = filled("list", "--space", "prodution")
    assert (done.status, done.out) == (3, "")
    assert "prodution" in done.err
    assert filled.wiring.closed == 1


def test_a_space_by_name_and_by_id_is_64(filled: Shell) -> None:
    done = filled("list", "--space", "production", "--space-id", "U3BhY2U6MQ==")
    assert (done.status, done.out) == (64, "")
    assert "--space and --space-id name the same thing" in done.err


@pytest.mark.parametrize(("limit", "expected"), [("1", 1), ("2", 2), ("9", 2)])
def test_a_limit_keeps_the_first_keys(filled: Shell, limit: str, expected: int) -> None:
    every = names(filled, "--status", "all")
    assert names(filled, "--status", "all", "--limit", limit) == every[:expected]


def test_a_limit_of_none_is_64(filled: Shell) -> None:
    assert filled("list", "--limit", "0").status == 64


def test_the_providers_settings_are_the_manifests(shell: Shell) -> None:
    shell.write(WITH_PROVIDER)
    shell("list")
    assert shell.wiring.settings
    assert shell.wiring.settings.credential == FromEnvironment("MY_KEY")
    assert dict(shell.wiring.settings.options) == {"region": "eu-west-1a", "api": "beta"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--api", "alpha"], {"region": "eu-west-1a", "api": "alpha"}),
        (["--base-url", "https://x.test"], {"base_url": "https://x.test", "api": "beta"}),
        (["--region", "us"], {"region": "us", "api": "beta"}),
    ],
)
def test_an_option_is_stronger_than_the_manifest(shell: Shell, options: list[str], expected: dict[str, str]) -> None:
    shell.write(WITH_PROVIDER, "team.yaml")
    shell("list", "--manifest", "team.yaml", *options)
    assert shell.wiring.settings
    assert dict(shell.wiring.settings.options) == expected


def test_no_manifest_is_needed(shell: Shell) -> None:
    assert shell("list").status == 0
    assert shell.wiring.settings
    assert dict(shell.wiring.settings.options) == {}
