"""A manifest with one provider pays nothing for what several of them need."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = "import sys, keyplan.app.plan, keyplan.providers.arize.factory; print(*sys.modules)"


@pytest.fixture(scope="module")
def imported() -> list[str]:
    """Return what is imported before the first plan is made."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("module", "only_for"),
    [
        pytest.param("keyplan.app.provider_router", "several providers", id="several providers"),
        pytest.param("keyplan.app.allow", "policies", id="policies"),
        pytest.param("tomllib", "a profile", id="a profile"),
        pytest.param("importlib.metadata", "plugins of others", id="plugins of others"),
    ],
)
def test_a_plan_without_it_does_not_import_it(imported: list[str], module: str, only_for: str) -> None:
    assert "keyplan.app.workspace" in imported
    assert module not in imported, f"it takes milliseconds of every start, and is for {only_for} alone"
