"""A sink that is added later gets the raw key that is there, and `doctor` says beforehand that it may."""

from __future__ import annotations

import pytest
from e2e.terminal import HEAD, Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

ONE_KEY = "keys:\n  - {name: ci, key_type: user}\n"
MORE = HEAD.replace("defaults:", '  second: {{type: file, path: "more/{{name}}.key"}}\ndefaults:')
BOTH = ONE_KEY.replace("user}", "user, sink: [local, second]}")


def allow_copying(head: str) -> str:
    return head.replace('.key"}}', '.key", copy_from: true}}', 1)


def test_an_added_sink_is_filled_from_one_that_may_be_copied(terminal: Terminal) -> None:
    terminal.write(ONE_KEY)
    terminal.apply()
    raw = terminal.delivered("ci")
    terminal.write(BOTH, head=allow_copying(MORE))
    planned = terminal.run("plan").stdout
    assert "  >   deliver  user/ci  (secret missing from sink)" in planned
    assert "Plan: 0 to add, 1 to change, 0 to destroy." in planned
    done = terminal.apply()
    assert "Apply complete! Resources: 0 added, 1 changed, 0 destroyed." in done.stdout
    assert (terminal.folder / "more" / "ci.key").read_text() == raw == terminal.delivered("ci")
    assert raw not in done.stdout + done.stderr
    assert terminal.is_valid(raw)
    assert terminal.run("plan", "--detailed-exitcode").returncode == 0


def test_an_added_sink_is_served_by_rotation_otherwise(beta: Terminal) -> None:
    beta.write(ONE_KEY)
    beta.apply()
    raw = beta.delivered("ci")
    beta.write(BOTH, head=MORE)
    beta.apply()
    assert (beta.folder / "more" / "ci.key").read_text() == beta.delivered("ci") != raw
    assert beta.run("plan", "--detailed-exitcode").returncode == 0


def test_a_saved_plan_with_a_copy_is_applied_as_it_was_reviewed(beta: Terminal) -> None:
    beta.write(ONE_KEY)
    beta.apply()
    beta.write(BOTH, head=allow_copying(MORE))
    beta.run("plan", "--out", "plan.json")
    assert beta.run("show", "plan.json").returncode == 0
    assert beta.run("apply", "plan.json").returncode == 0
    assert (beta.folder / "more" / "ci.key").read_text() == beta.delivered("ci")


def test_doctor_finds_all_well_and_then_what_is_not(beta: Terminal) -> None:
    beta.write(ONE_KEY)
    beta.apply()
    fine = beta.run("doctor")
    assert (fine.returncode, "broken" in fine.stdout) == (0, False), fine.stdout
    (beta.folder / ".git").mkdir()
    ill = beta.run("doctor", ARIZE_API_KEY="ak-of-nobody")
    assert ill.returncode == 5
    assert "broken   credential" in ill.stdout
    assert "broken   sink local: writing" in ill.stdout
    assert "ak-of-nobody" not in ill.stdout + ill.stderr
