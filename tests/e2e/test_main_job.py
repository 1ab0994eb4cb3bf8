"""Plan, apply, plan again: the whole job through the installed command, over real HTTP, in both dialects."""

from __future__ import annotations

import json

import pytest
from e2e.terminal import HEAD, Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

NO_CHANGES = "No changes. Your keys match the manifest."
CHANGED = """\
keys:
  - name: ci
    key_type: user
    description: Used by nobody else
    on_description_change: replace
    rotation: {overlap: 0s}
  - {name: ingest, key_type: service, space: production, expires_in: 90d}
"""
ONE_KEY = "keys:\n  - {name: ci, key_type: user, description: Used by CI}\n"


def test_apply_creates_exactly_the_declared_keys_and_then_plans_nothing(terminal: Terminal) -> None:
    terminal.write()
    assert "Plan: 2 to add, 0 to change, 0 to destroy." in terminal.run("plan").stdout
    applied = terminal.apply()
    assert (applied.returncode, terminal.live_names()) == (0, ["ci", "ingest"])
    assert applied.stdout.endswith("Apply complete! Resources: 2 added, 0 changed, 0 destroyed.\n")
    assert terminal.run("plan", "--detailed-exitcode").stdout.endswith(f"{NO_CHANGES}\n")


def test_delivered_raw_keys_authenticate(terminal: Terminal) -> None:
    terminal.write()
    terminal.apply()
    assert all(terminal.is_valid(terminal.delivered(name)) for name in ("ci", "ingest"))


def test_auto_finds_the_dialect(terminal: Terminal) -> None:
    terminal.write(head=HEAD.replace("api: {api}", "api: auto"))
    assert terminal.apply().returncode == 0
    assert NO_CHANGES in terminal.run("plan").stdout


def test_a_removed_declaration_ends_its_key(terminal: Terminal) -> None:
    terminal.write()
    terminal.apply()
    terminal.write(ONE_KEY)
    assert "Plan: 0 to add, 0 to change, 1 to destroy." in terminal.run("plan").stdout
    assert terminal.apply().returncode == 0
    assert terminal.live_names() == ["ci"]


def test_a_key_deleted_behind_our_back_is_made_again_as_gone(terminal: Terminal) -> None:
    terminal.write(ONE_KEY)
    terminal.apply()
    key = next(key for key in terminal.call("GET", "api-keys")["api_keys"] if key["name"] == "ci")
    if terminal.api == "alpha":
        terminal.call("DELETE", f"api-keys/{key['id']}")
    else:
        terminal.call("PUT", f"api-keys/{key['id']}/revoke")
    planned = json.loads(terminal.run("plan", "--format", "json").stdout)
    assert [(one["verb"], one["reason"]) for one in planned["resource_changes"]] == [("create", "gone")]
    terminal.apply()
    assert terminal.is_valid(terminal.delivered("ci"))


def test_a_changed_description_delivers_the_new_key_before_it_deletes_the_old(terminal: Terminal) -> None:
    terminal.write()
    terminal.apply()
    old = terminal.delivered("ci")
    terminal.write(CHANGED)
    assert "Plan: 1 to add, 0 to change, 1 to destroy. 1 cut off." in terminal.run("plan").stdout
    terminal.break_requests("DELETE" if terminal.api == "alpha" else "PUT", ".*", action="status", status=500, times=0)
    failed = terminal.apply()
    assert (failed.returncode, terminal.is_valid(old), terminal.is_valid(terminal.delivered("ci"))) == (5, True, True)
    assert terminal.delivered("ci") != old
    terminal.control("DELETE", "faults")
    assert terminal.apply().returncode == 0
    assert (terminal.is_valid(old), terminal.is_valid(terminal.delivered("ci"))) == (False, True)
    assert NO_CHANGES in terminal.run("plan").stdout


def test_a_key_without_our_marker_is_never_touched(terminal: Terminal) -> None:
    body = {"name": "by hand", "key_type": "user" if terminal.api == "alpha" else "USER"}
    raw = terminal.call("POST", "api-keys", body)["key"]
    terminal.write()
    terminal.apply()
    terminal.write(ONE_KEY)
    terminal.apply()
    assert terminal.is_valid(raw)
    assert "2 unmanaged keys" in terminal.run("plan").stdout
    assert "by hand" in terminal.run("list", "--unmanaged").stdout


def test_a_lost_ledger_changes_no_plan(terminal: Terminal) -> None:
    terminal.write()
    terminal.apply()
    (terminal.folder / ".keyplan" / "ledger.db").unlink()
    assert NO_CHANGES in terminal.run("plan").stdout
    assert terminal.apply().returncode == 0
    assert (terminal.folder / ".keyplan" / "ledger.db").exists()


def test_a_saved_plan_is_applied_once(terminal: Terminal) -> None:
    terminal.write()
    assert terminal.run("plan", "--out", "plan.json").returncode == 0
    assert "Plan: 2 to add" in terminal.run("show", "plan.json").stdout
    assert terminal.run("apply", "plan.json").returncode == 0
    again = terminal.run("apply", "plan.json")
    assert (again.returncode, terminal.live_names()) == (4, ["ci", "ingest"])


def test_a_stale_plan_is_refused(terminal: Terminal) -> None:
    terminal.write()
    terminal.run("plan", "--out", "plan.json")
    terminal.write(ONE_KEY)
    refused = terminal.run("apply", "plan.json")
    assert (refused.returncode, terminal.live_names()) == (4, [])


def test_list_shows_what_exists(terminal: Terminal) -> None:
    terminal.write()
    terminal.apply()
    listed = json.loads(terminal.run("list", "--format", "json").stdout)
    assert {"ci", "keyplan sandbox"} <= {key["name"] for key in listed}


@pytest.mark.parametrize("api", ["alpha", "beta"])
def test_the_demo_runs_from_begin_to_end(beta: Terminal, api: str) -> None:
    shown = beta.run("demo", "--api", api)
    assert (shown.returncode, shown.stdout.count(NO_CHANGES)) == (0, 1)
    assert "ak-" not in shown.stdout + shown.stderr
