"""From settings to the ports of installed plugins."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import pytest
from cli.shell import Shell
from samples import LINEAGE, make_ledger_settings
from simulator import SimulatedClock

import keyplan
from keyplan.app.wiring import PluginWiring, current_user, jitter
from keyplan.applier.observe import locate_slots
from keyplan.errors import InputError
from keyplan.model.identity import Address
from keyplan.model.ledger import Memory
from keyplan.model.manifest import FromEnvironment, ProviderSettings
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running
from keyplan.system.clock import SystemClock


@pytest.fixture
def wiring() -> PluginWiring:
    """Return the real wiring in an environment with a credential."""
    return PluginWiring({"MY_KEY": "ak-my-own-credential"}, print)


def test_the_provider_is_built_with_the_environment_that_was_given(wiring: PluginWiring, tmp_path: Path) -> None:
    settings = ProviderSettings(credential=FromEnvironment("MY_KEY"), options={"base_url": "https://x.test"})
    ports = wiring.provider(settings, lineage=LINEAGE, folder=tmp_path)
    assert ports.reader.base_url == "https://x.test"
    assert ports.reader.presents("ak-my...tial")
    ports.close()


def test_a_reader_presents_its_own_credential_and_needs_no_other(tmp_path: Path) -> None:
    settings = ProviderSettings(
        reader_credential=FromEnvironment("READER"), options={"base_url": "https://x.test", "api": "beta"}
    )
    ports = PluginWiring({"READER": "ak-only-for-reading"}, print).key_reader(
        settings, lineage=LINEAGE, folder=tmp_path
    )
    assert (ports.reader.base_url, ports.reader.laws().dialect) == ("https://x.test", "beta")
    assert ports.reader.presents("ak-onl...ing")
    ports.close()


def test_programs_of_sinks_get_neither_credential_nor_the_password_of_the_ledger(shell: Shell) -> None:
    shell.write(
        "version: 1\nowner: o\nprovider: {credential: {env: OWN}, reader_credential: {env: READER}}\n"
        "ledger: {type: postgres, dsn: {env: DATABASE}}\n"
        "sinks: {told: {type: command, argv: [./store], describe: [./store]}}\n"
        "keys: [{name: ci, key_type: user, sink: told}]\n"
    )
    shell.write("#!/bin/sh\nenv > seen\necho '{\"present\": false}'\n", "store").chmod(0o700)
    manifest = keyplan.read_manifest(shell.folder / "keys.yaml")
    urls = dict.fromkeys(["KEYPLAN_LEDGER", "KEYPLAN_LEDGER_DSN", "DATABASE"], "postgresql://u:ak-pw@db/keys")
    environment = {"PATH": "/usr/bin:/bin", "OWN": "ak-own", "READER": "ak-reader", "OTHER": "kept", **urls}
    sinks = PluginWiring(environment, print).sinks(manifest, folder=shell.folder)
    (slots,) = locate_slots(manifest, sinks).values()
    sinks[slots[0].sink].inspect(slots)
    seen = (shell.folder / "seen").read_text()
    assert ("OTHER=kept" in seen, "ak-" in seen) == (True, False)


def test_programs_of_sinks_see_which_file_the_ledger_is(shell: Shell) -> None:
    shell.write(
        "version: 1\nowner: o\nsinks: {told: {type: command, argv: [./store], describe: [./store]}}\n"
        "keys: [{name: ci, key_type: user, sink: told}]\n"
    )
    shell.write("#!/bin/sh\nenv > seen\necho '{\"present\": false}'\n", "store").chmod(0o700)
    manifest = keyplan.read_manifest(shell.folder / "keys.yaml")
    environment = {"PATH": "/usr/bin:/bin", "KEYPLAN_LEDGER": "/state/ledger.db"}
    sinks = PluginWiring(environment, print).sinks(manifest, folder=shell.folder)
    (slots,) = locate_slots(manifest, sinks).values()
    sinks[slots[0].sink].inspect(slots)
    assert "KEYPLAN_LEDGER=/state/ledger.db" in (shell.folder / "seen").read_text()


def test_an_unknown_provider_is_told_with_the_known_ones(wiring: PluginWiring, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="provider type 'ariz' is unknown; did you mean 'arize'"):
        wiring.provider(ProviderSettings(type="ariz"), lineage=LINEAGE, folder=tmp_path)


def test_every_configured_sink_is_built(wiring: PluginWiring, shell: Shell, manifest: Path) -> None:
    sinks = wiring.sinks(keyplan.read_manifest(manifest), folder=shell.folder)
    assert list(sinks) == ["local"]


def test_a_ledger_that_is_only_read_is_not_made(wiring: PluginWiring, tmp_path: Path) -> None:
    settings = make_ledger_settings({"path": "ledger.db"})
    assert wiring.ledger_reader(settings, lineage=LINEAGE, folder=tmp_path, account="a").recall() == Memory()
    assert not (tmp_path / "ledger.db").exists()


def test_the_ledger_is_the_one_at_the_path(wiring: PluginWiring, tmp_path: Path) -> None:
    settings = make_ledger_settings({"path": "ledger.db"})
    wiring.ledger(settings, lineage=LINEAGE, folder=tmp_path, account="a").forget(Address("user/ci"))
    assert (tmp_path / "ledger.db").exists()


def test_a_holder_is_this_process(wiring: PluginWiring) -> None:
    one, other = wiring.holder("apply"), wiring.holder("apply")
    assert (one.pid, one.command) == (os.getpid(), "apply")
    assert one.id != other.id


def test_a_user_without_a_name_has_a_number() -> None:
    def fail() -> str:
        raise KeyError

    assert current_user(fail) == str(os.getuid())


def test_chance_stays_within_its_limit() -> None:
    assert all(0 <= jitter(0.5) <= 0.5 for _ in range(100))


def test_the_clock_is_the_machines_or_the_one_that_was_handed_in() -> None:
    assert isinstance(PluginWiring({}, print).clock, SystemClock)
    moved = SimulatedClock()
    assert PluginWiring({}, print, clock=moved).clock is moved


def test_the_program_of_a_credential_gets_no_secret_of_a_sink(shell: Shell) -> None:
    shell.write(
        "version: 1\nowner: o\nprovider: {base_url: 'https://x.test', credential: {command: [./credential]}}\n"
        "sinks: {v: {type: vault, address: 'https://v.test', path: p, auth: {method: token, token: {env: OWN}}}}\n"
        "keys: []\n"
    )
    shell.write("#!/bin/sh\nenv > seen\necho ak-own\n", "credential").chmod(0o700)
    manifest = keyplan.read_manifest(shell.folder / "keys.yaml")
    environment = {"PATH": "/usr/bin:/bin", "OWN": "hidden-1", "VAULT_TOKEN": "hidden-2", "OTHER": "kept"}
    dropped: list[Collection[str]] = []
    wiring = PluginWiring(environment, print, drop=dropped.append)
    wiring.keep_secrets(manifest)
    ports = wiring.provider(manifest.provider, lineage=LINEAGE, folder=shell.folder)
    assert ports.reader.presents("ak-own") is not None
    ports.close()
    seen = (shell.folder / "seen").read_text()
    assert ("OTHER=kept" in seen, "hidden" in seen) == (True, False)
    assert {"OWN", "VAULT_TOKEN", "ARIZE_API_KEY"} <= set(dropped[-1])


@pytest.mark.enable_socket
@pytest.mark.parametrize(("announced_by", "times"), [("", 2), ("1.0", 1)], ids=["a silent program", "the command"])
def test_only_who_shows_an_announcement_remembers_it(tmp_path: Path, announced_by: str, times: int) -> None:
    said: list[str] = []
    with running(SandboxOptions(api="beta")) as sandbox:
        environment = {"ARIZE_API_KEY": sandbox.credential, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        settings = ProviderSettings(options={"base_url": sandbox.url})
        for _ in range(2):
            wiring = PluginWiring(environment, said.append, announced_by=announced_by)
            ports = wiring.key_reader(settings, lineage=LINEAGE, folder=tmp_path)
            ports.reader.laws()
            ports.close()
    assert sum("are in beta" in text for text in said) == times
    assert (tmp_path / "cache").exists() is bool(announced_by)
