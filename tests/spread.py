"""How tests are spread over processes: by file, but for files whose few tests take minutes."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadFileScheduling

SPREAD = frozenset({"tests/agreement/test_agreement.py"})
"""Files whose tests need each a process for about half a minute and share nothing: together they kept one core for ten
minutes at the end of a run, because files with few tests come last, while the other was idle."""


class SpreadScheduling(LoadFileScheduling):
    """All tests of a file in one process; each test of the files in `SPREAD` in any."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return nodeid if file in SPREAD else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadFileScheduling | None:
    """Return the scheduler of `--dist loadfile`, which is the default; None for another way that was asked for."""
    return SpreadScheduling(config, log) if config.getoption("dist") == "loadfile" else None
