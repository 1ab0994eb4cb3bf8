"""Opens ledgers on a test's database, and runs others in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from keyplan.ledgers.postgres import build, build_reader
from keyplan.model.identity import Lineage
from keyplan.ports import Clock, Ledger, LedgerReader
from keyplan.system.clock import SystemClock
from keyplan.testing.samples import ACCOUNT, LINEAGE, make_context, make_ledger_settings


def open_postgres(
    url: str, *, lineage: Lineage = LINEAGE, account: str = ACCOUNT, clock: Clock | None = None
) -> Ledger:
    """Return the ledger of a manifest in the database at a URL."""
    context = make_context(environment={"KEYPLAN_LEDGER_DSN": url}, lineage=lineage, clock=clock or SystemClock())
    return build(make_ledger_settings(ledger_type="postgres"), context, account=account)


def open_postgres_reader(url: str, *, lineage: Lineage = LINEAGE, account: str = ACCOUNT) -> LedgerReader:
    """Return a reader of the same."""
    context = make_context(environment={"KEYPLAN_LEDGER_DSN": url}, lineage=lineage, clock=SystemClock())
    return build_reader(make_ledger_settings(ledger_type="postgres"), context, account=account)


@contextmanager
def running_script(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a Python script that imports this module's neighbours; it is killed at the end of the block."""
    argv = [sys.executable, "-c", f"import sys; sys.path.insert(0, {TESTS!r})\n{script}", *arguments]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


TESTS = __file__.rpartition("/ledgers/")[0]
