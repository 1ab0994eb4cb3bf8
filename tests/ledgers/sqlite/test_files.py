"""The ledger's file, as several runs meet at it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from samples import ACCOUNT, LINEAGE

import keyplan
from keyplan.ledgers.sqlite.files import LedgerFile
from keyplan.ledgers.sqlite.place import LedgerPlace

RUNS = 8
_NUMBERED = re.compile(r"(?:VALUES \(|, |= |> )\?\d")
"""A parameter of an SQL statement that is named by its number."""


def test_runs_that_create_one_ledger_at_the_same_time_all_succeed(tmp_path: Path) -> None:
    # Each round is a new folder: the runs meet only while it is created.
    for number in range(20):
        folder, start = tmp_path / str(number) / ".keyplan", Barrier(RUNS)
        folder.parent.mkdir()

        def prepare(folder: Path = folder, start: Barrier = start) -> None:
            place = LedgerPlace(folder / "ledger.db", {})
            ledger = LedgerFile(place=place, lineage=LINEAGE, account=ACCOUNT)
            start.wait()
            ledger.prepare()

        with ThreadPoolExecutor(max_workers=RUNS) as pool:
            for run in [pool.submit(prepare) for _ in range(RUNS)]:
                run.result()
        assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "ledger.db"]
        assert (folder / ".gitignore").read_text() == "*\n"


def test_no_statement_numbers_its_parameters() -> None:
    """Python 3.12 warns of values in an order for `?1`, and 3.14 refuses them."""
    sources = Path(keyplan.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if _NUMBERED.search(path.read_text())] == []
