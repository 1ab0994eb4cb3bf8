"""A plan of 10,000 keys over a network: as long as its longest listing, whose pages come one after the other.

The longest is that of all user keys, or of all service keys: 50 pages each. The peer lists the user keys alone.
"""

from __future__ import annotations

from benchmarks.measuring import measure as run_in_turn
from benchmarks.rows import Row, compare
from benchmarks.stage import Stage

KEYS = 10_000
LATENCY = 0.08
AIM = 1.15


def measure(stage: Stage) -> list[Row]:
    """Return the row."""
    keys = stage.scale(KEYS)
    with stage.serving(keys, latency=LATENCY) as server:
        folder = stage.prepare(server, keys)
        commands = {
            "plan": stage.command("plan", folder=folder),
            "listing": stage.peer("bare_list", server.url, "--users-alone"),
        }
        found = run_in_turn(commands, repeats=min(3, stage.repeats))
    subject = f"`keyplan plan`, {keys:,} keys, {LATENCY * 1000:.0f} ms a request"
    beside = "a bare httpx loop of its longest listing alone"
    return [compare("plan/latency", subject, found["plan"], beside, found["listing"], aim=AIM)]
