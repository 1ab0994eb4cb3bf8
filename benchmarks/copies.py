"""Many accounts from one prepared folder: the same keys and secrets behind a path prefix of one server.

The secret files are hard links: a million of them would take hours to write, and are read like any others.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path


def copy_accounts(prepared: Path, into: Path, *, url: str, number: int) -> Iterator[Path]:
    """Make so many folders like a prepared one below a folder, each with an account of its own, and yield them."""
    for count in range(1, number + 1):
        folder, account = into / f"{count:03}", f"{url}/account-{count}"
        folder.mkdir(parents=True)
        shutil.copytree(prepared / "secrets", folder / "secrets", copy_function=os.link)
        shutil.copytree(prepared / ".keyplan", folder / ".keyplan")
        (folder / "keys.yaml").write_text((prepared / "keys.yaml").read_text().replace(url, account))
        with closing(sqlite3.connect(folder / ".keyplan" / "ledger.db")) as ledger, ledger:
            ledger.execute("UPDATE meta SET value = ? WHERE name = 'account'", (account,))
        yield folder
