"""The unit of `examples/systemd`: hardened, and started as its files say."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from keyplan.app.api import read_manifest
from keyplan.cli.commands.watch import command
from keyplan.model.manifest import FromFile

FOLDER = Path(__file__).parents[1] / "examples" / "systemd"
UNIT = FOLDER / "keyplan-watch.service"
STRICT = {
    "CapabilityBoundingSet": "",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "NoNewPrivileges": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "PrivateUsers": "yes",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHome": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "ProtectSystem": "strict",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "UMask": "0077",
    "User": "keyplan",
}


def settings() -> dict[str, list[str]]:
    """Return every setting of the unit; one may stand in it several times."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def test_the_unit_is_hardened() -> None:
    assert {name: settings().get(name) for name in STRICT} == {name: [value] for name, value in STRICT.items()}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_calls_its_exposure_low() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", UNIT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Unknown" not in done.stderr


def test_what_it_starts_is_what_keyplan_understands() -> None:
    [line] = settings()["ExecStart"]
    program, verb, *arguments = line.split()
    assert (Path(program).name, verb) == ("keyplan", "watch")
    context = command.make_context("watch", arguments, resilient_parsing=True)
    assert context.params["manifests"] == ("/etc/keyplan/keys.yaml",)
    assert not re.search(r"secret|token", line)


def test_it_stops_and_reloads_by_the_signals_that_keyplan_knows() -> None:
    assert settings()["KillSignal"] == ["SIGTERM"]
    assert settings()["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert int(settings()["TimeoutStopSec"][0].removesuffix("s")) >= 120


def test_the_manifest_reads_the_credential_where_systemd_puts_it() -> None:
    [loaded] = settings()["LoadCredential"]
    manifest = read_manifest(FOLDER / "keys.yaml")
    assert manifest.provider.credential == FromFile(f"/run/credentials/{UNIT.name}/{loaded.partition(':')[0]}")


def test_the_ledger_and_the_secrets_lie_where_the_service_may_write() -> None:
    [folder] = settings()["StateDirectory"]
    [ledger] = [one for one in settings()["Environment"] if one.startswith("KEYPLAN_LEDGER=")]
    assert ledger.startswith(f"KEYPLAN_LEDGER=/var/lib/{folder}/")
    assert f"/var/lib/{folder}/secrets" in (FOLDER / "keys.yaml").read_text()
