"""Listing 100 spaces at 50 ms a request: as long as the longest of the listings, not as long as all.

The longest is that of all service keys, of any space. No space's own listing can be the measure: a page's cursor is
known only once the page before it is there, so ten pages of all service keys take ten times 50 ms, however short the
100 others are. And that listing cannot be spared: a listing by space shows no roles (docs/arize-api.md,
A14: its `organizations` are always empty), nor the keys of spaces that the manifest has ceased to name.
"""

from __future__ import annotations

import json
from statistics import median

from benchmarks.measuring import run
from benchmarks.rows import Row
from benchmarks.stage import Stage

SPACES = 100
KEYS = 2_000
LATENCY = 0.05
AIM = 2.0


def measure(stage: Stage) -> list[Row]:
    """Return the row; the longest listing is that of all service keys, ten pages one after the other."""
    with stage.serving(KEYS, spaces=SPACES, latency=LATENCY) as server:
        command = stage.inside("listing", server.url, str(SPACES))
        samples = [json.loads(run(command).output.splitlines()[-1]) for _ in range(stage.repeats)]
    slowest = LATENCY * KEYS / 200
    return [
        Row(
            id="plan/spaces",
            subject=f"listing {SPACES} spaces with {KEYS // 200 * 100:,} service keys at {LATENCY * 1000:.0f} ms",
            beside=f"the slowest single listing alone: {slowest:.2g} s",
            value=median(samples) / slowest,
            aim=AIM,
            detail=f"{median(samples):.3g} s ({min(samples):.3g} to {max(samples):.3g}), {SPACES + 2} listings",
        )
    ]
