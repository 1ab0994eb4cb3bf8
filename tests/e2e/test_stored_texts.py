"""Servers that store a text their own way, over real HTTP: the second apply makes no key."""

from __future__ import annotations

import pytest
from e2e.terminal import Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

KEYS = """\
keys:
  - {name: "R&D  CI", key_type: user, description: "Tests  of R&D"}
"""
NAME = "R&D  CI"
WAYS = [
    pytest.param("R&amp;D  CI", id="ampersands as entities"),
    pytest.param("R&D CI", id="one blank for two"),
    pytest.param("r&d  ci", id="lower case"),
]


@pytest.mark.parametrize("stored", WAYS)
@pytest.mark.parametrize("echoes", [False, True], ids=["answered as stored", "answered as asked"])
def test_no_second_apply_makes_a_key(terminal: Terminal, stored: str, echoes: bool) -> None:
    rewrite = {"path": "/v2/api-keys", "action": "rewrite", "pattern": NAME, "replacement": stored, "times": 0}
    methods = ("GET",) if echoes else ("GET", "POST")
    terminal.control("POST", "faults", {"faults": [{"method": method, **rewrite} for method in methods]})
    terminal.write(KEYS)
    assert terminal.apply().returncode == 0
    made = terminal.mutations()
    again = terminal.apply()
    assert terminal.mutations() == made
    assert stored in again.stdout + again.stderr
    assert again.returncode == (4 if echoes else 0)
