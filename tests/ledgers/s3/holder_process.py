"""A process of its own that takes the lock of a ledger in S3: `holder_process.py URL BUCKET MODE FOLDER`."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from keyplan.errors import LeaseLostError
from keyplan.ledgers.s3 import build
from keyplan.model.ledger import Holder
from keyplan.ports import Ledger
from keyplan.system.clock import SystemClock
from keyplan.testing.samples import (
    ACCOUNT,
    make_context,
    make_history_entry,
    make_intent,
    make_ledger_settings,
    make_receipt,
)

LEASE = timedelta(seconds=5)
ROUNDS = 5


def open_ledger(url: str, bucket: str) -> Ledger:
    options = {"bucket": bucket, "region": "eu-west-1", "endpoint_url": url}
    return build(make_ledger_settings(options, ledger_type="s3"), make_context(clock=SystemClock()), account=ACCOUNT)


def describe_self() -> Holder:
    return Holder(
        id=os.urandom(4).hex(), owner="ada", host="here", pid=os.getpid(), since=datetime.now(UTC), command="apply"
    )


def tell(what: str) -> None:
    """Tell the test what happened."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def contend(ledger: Ledger, folder: Path) -> None:
    """Take the lock several times; a second process inside at the same time finds the file."""
    for _ in range(ROUNDS):
        with ledger.lock(describe_self(), patience=timedelta(minutes=1), lease=LEASE) as lease:
            (folder / "inside").open("x").close()
            with (folder / "numbers").open("a") as numbers:
                numbers.write(f"{lease.holder.number}\n")
            ledger.remember(make_history_entry())
            (folder / "inside").unlink()


def hold(ledger: Ledger) -> None:
    """Hold the lock with an open intent until a line comes; then try to go on."""
    with ledger.lock(describe_self(), patience=timedelta(0), lease=LEASE) as lease:
        ledger.open_intent(make_intent())
        tell("held")
        sys.stdin.readline()
        for attempt in (
            lease.check,
            lambda: ledger.record(make_receipt(), closes=[make_intent().id]),
            lambda: ledger.close_intent(make_intent().id),
            lambda: ledger.remember(make_history_entry()),
        ):
            try:
                attempt()
            except LeaseLostError:
                tell("refused")
            else:
                tell("written")


if __name__ == "__main__":
    named = open_ledger(sys.argv[1], sys.argv[2])
    contend(named, Path(sys.argv[4])) if sys.argv[3] == "contend" else hold(named)
