"""1,000 creates at 50 ms a request, 32 at once: how much of the time is the provider's own.

The ideal is nothing but waiting for answers: every create and every request that verifies its raw key, 32 at a time.
From a whole `apply` a whole `plan` of the same folder is subtracted, because apply does all of that first and the ideal
has none of it: start, imports, reading the manifest, a listing of 50 ms, planning.
Nothing else is: what stays is the lock, intents and receipts, each on disk in ledger and sink before the next step (six
syncs of the sink, and a part of two commits, for each key), the report, and the processor's time for all of it.

Beside it, what a bare httpx loop in as many threads makes of the same requests, nothing read, planned or stored.

No folder is removed before the end: for some seconds after thousands of files were, ext4 passes over each of their
inodes whenever it makes a file (`recently_deleted` in fs/ext4/ialloc.c), which doubled the time of the next apply.
"""

from __future__ import annotations

import json
from statistics import median

from benchmarks.accounts import Account
from benchmarks.measuring import run
from benchmarks.rows import Aim, Row
from benchmarks.stage import Stage

KEYS = 1_000
LATENCY = 0.05
PARALLELISM = 32
AIM = 0.85


def measure(stage: Stage) -> list[Row]:
    """Return the share of the ideal time, outside of a git work tree, and that of the bare loop."""
    keys = stage.scale(KEYS)
    with stage.serving(keys, spaces=0, latency=LATENCY, is_empty=True) as server:
        samples, bare, counted = [], [], {}
        for number in range(min(5, stage.repeats)):
            folder = stage.folder / f"apply-{number}"
            folder.mkdir()
            (folder / "keys.yaml").write_text(Account(keys, 0).write_manifest(server.url))
            before = run(stage.command("plan", folder=folder)).seconds
            server.count()
            done = run(stage.command("apply", "--auto-approve", "--parallelism", str(PARALLELISM), folder=folder))
            counted = server.count()
            # What a plan of the same takes, start and listing, is not part of the creates.
            samples.append(done.seconds - before)
            bare.append(float(run(stage.peer("bare_apply", server.url, str(keys), str(PARALLELISM))).output))
    # A create, and a request that verifies its raw key; the plan's own question is one of the probes.
    per_key = (counted["create"] + counted["probe"] - 1) / keys
    ideal = keys * LATENCY * per_key / PARALLELISM
    took = f"{median(samples):.3g} s ({min(samples):.3g} to {max(samples):.3g}) against {ideal:.3g} s"
    return [
        Row(
            id="apply/bare",
            subject=f"bare httpx, {PARALLELISM} threads, the requests of {keys:,} creates alone",
            beside="the same ideal",
            value=ideal / median(bare),
            side=Aim.NONE,
            detail=f"{median(bare):.3g} s ({min(bare):.3g} to {max(bare):.3g})",
        ),
        Row(
            id="apply/creates",
            subject=f"`keyplan apply` of {keys:,} creates at {LATENCY * 1000:.0f} ms, parallelism {PARALLELISM}",
            beside=f"the ideal: {keys} x {LATENCY * 1000:.0f} ms x {per_key:.2g} requests / {PARALLELISM}",
            value=ideal / median(samples),
            aim=AIM,
            side=Aim.AT_LEAST,
            detail=f"{took}; {json.dumps(counted, sort_keys=True)}",
        ),
    ]
