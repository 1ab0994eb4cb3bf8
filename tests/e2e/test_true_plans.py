"""A green plan is true: what validate, plan, apply and drift say of a wish that a live key does not meet."""

from __future__ import annotations

import json

import pytest
from e2e.terminal import Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

POLICY = "policy: {max_lifetime: 30d}\n"
NO_CHANGES = "No changes. Your keys match the manifest."


def declare(life: str, description: str = "Used by CI", *, policy: str = "") -> str:
    fields = f"name: ci, key_type: user, description: {description}, expires_in: {life}, rotation: {{overlap: 0s}}"
    return f"{policy}keys:\n  - {{{fields}}}\n"


def test_a_shorter_life_under_a_policy_is_a_difference_everywhere(terminal: Terminal) -> None:
    terminal.write(declare("365d"))
    terminal.apply()
    terminal.write(declare("7d", policy=POLICY))
    assert terminal.run("validate").returncode == 0
    assert terminal.run("plan", "--detailed-exitcode").returncode == 2
    assert terminal.run("drift").returncode == 2
    assert terminal.apply().returncode == 0
    (key,) = [key for key in terminal.control("GET", "keys")["keys"] if key["name"] == "ci" and key["is_live"]]
    assert key["expires_at"] < "2100"
    done = terminal.run("plan", "--detailed-exitcode")
    assert (done.returncode, done.stdout.endswith(f"{NO_CHANGES}\n")) == (0, True)
    assert terminal.run("drift").returncode == 0


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        pytest.param(declare("365d"), "expires_in: 365d takes effect on ", id="a longer life"),
        pytest.param(declare("30d", "Builds"), 'from "Used by CI" to "Builds"', id="a description"),
    ],
)
def test_what_waits_for_the_next_rotation_is_told_and_green(terminal: Terminal, declared: str, told: str) -> None:
    terminal.write(declare("30d"))
    terminal.apply()
    made = terminal.mutations()
    terminal.write(declared)
    plan, drift = terminal.run("plan", "--detailed-exitcode"), terminal.run("drift")
    assert (plan.returncode, told in plan.stdout, f"{NO_CHANGES}\n" in plan.stdout) == (0, True, True)
    assert (drift.returncode, told in drift.stdout) == (0, True)
    (action,) = json.loads(terminal.run("plan", "--format", "json").stdout)["resource_changes"]
    assert told in action["notes"][0]
    assert terminal.apply().returncode == 0
    assert terminal.mutations() == made


def test_a_description_is_taken_with_a_rotation_that_is_asked_for(terminal: Terminal) -> None:
    terminal.write(declare("30d"))
    terminal.apply()
    terminal.write(declare("30d", "Builds"))
    assert terminal.run("rotate", "user/ci", "--auto-approve").returncode == 0
    (key,) = [key for key in terminal.control("GET", "keys")["keys"] if key["name"] == "ci" and key["is_live"]]
    assert key["description"].startswith("Builds")


def test_white_space_at_the_ends_of_lines_is_no_change(terminal: Terminal) -> None:
    text = 'keys:\n  - {name: ci, key_type: user, description: "%s", on_description_change: replace}\n'
    terminal.write(text % r"Used by\nCI")
    terminal.apply()
    made = terminal.mutations()
    terminal.write(text % r"Used by  \n CI \n".replace("\\n CI", "\\nCI"))
    assert terminal.apply().returncode == 0
    assert terminal.mutations() == made


def test_an_address_with_brackets_is_rotated_alone(terminal: Terminal) -> None:
    terminal.write('keys:\n  - {name: "ci[1]", key_type: user}\n  - {name: ci1, key_type: user}\n')
    terminal.apply()
    kept = terminal.delivered("ci1")
    assert terminal.run("rotate", "user/ci[1]", "--auto-approve").returncode == 0
    assert terminal.delivered("ci1") == kept
