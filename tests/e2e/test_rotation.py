"""Rotate, import, calendar: through the installed command, over real HTTP, in both dialects."""

from __future__ import annotations

import json

import pytest
from e2e.terminal import Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

NO_CHANGES = "No changes. Your keys match the manifest."
OVERLAPPING = """\
keys:
  - {name: ci, key_type: user, description: Used by CI, rotation: {every: 30d, overlap: 12h}}
  - {name: ingest, key_type: service, space: production}
"""
ONE_KEY = "keys:\n  - {name: ci, key_type: user, description: Used by CI}\n"


def test_rotate_renews_one_key_and_the_old_one_works_through_the_overlap(terminal: Terminal) -> None:
    terminal.write(OVERLAPPING)
    terminal.apply()
    old, other = terminal.delivered("ci"), terminal.delivered("ingest")
    rotated = terminal.run("rotate", "user/ci", "--auto-approve")
    assert rotated.returncode == 0
    assert "Only user/ci was planned; the rest was not checked." in rotated.stdout
    assert (terminal.is_valid(old), terminal.is_valid(terminal.delivered("ci"))) == (True, True)
    assert (terminal.delivered("ci") == old, terminal.delivered("ingest") == other) == (False, True)


def test_import_takes_over_what_a_person_made_and_delivered(terminal: Terminal) -> None:
    body = {"name": "ci", "key_type": "user" if terminal.api == "alpha" else "USER", "description": "Used by CI"}
    made = terminal.call("POST", "api-keys", body)
    terminal.write(ONE_KEY)
    assert terminal.run("plan").returncode == 4
    assert terminal.run("import", "user/ci", made["id"]).returncode == 4
    (terminal.folder / "secrets").mkdir()
    (terminal.folder / "secrets" / "ci.key").write_text(made["key"])
    imported = terminal.run("import", "user/ci", made["id"])
    said, remembered = imported.stdout.splitlines()
    assert said == f"Key {made['id']} is that of user/ci from now on."
    assert remembered.startswith("History: entry 1, head ")
    assert terminal.run("plan", "--detailed-exitcode").stdout.endswith(f"{NO_CHANGES}\n")
    assert terminal.mutations() == ["POST /v2/api-keys"]
    assert made["key"] not in imported.stdout + imported.stderr


def test_the_calendar_tells_when_keys_rotate_and_retire(terminal: Terminal) -> None:
    terminal.write(OVERLAPPING)
    terminal.apply()
    document = json.loads(terminal.run("calendar", "--format", "json", "--days", "31").stdout)
    verb = "replace" if terminal.api == "alpha" else "refresh"
    assert [(event["event"], event["address"], event["verb"]) for event in document["events"]] == [
        ("rotates", "user/ci", verb),
        ("retires", "user/ci", "delete" if terminal.api == "alpha" else None),
    ]


def test_the_ledger_is_shown_without_a_credential(beta: Terminal) -> None:
    beta.write(ONE_KEY)
    beta.apply()
    beta.credential = ""
    assert "1 receipt, 0 open intents." in beta.run("ledger", "show").stdout
    assert "1 added" in beta.run("ledger", "history").stdout
    assert beta.run("ledger", "unlock", "none").returncode == 3
