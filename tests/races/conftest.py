"""One thread for each run, so that the order of its own calls is always the same."""

from __future__ import annotations

import pytest
from races.duel import InlineExecutor


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the standard library's thread pool, with which a run reads in parallel, by one that has no threads."""
    for module in ("keyplan.applier.apply", "keyplan.applier.observe"):
        monkeypatch.setattr(f"{module}.ThreadPoolExecutor", InlineExecutor)
