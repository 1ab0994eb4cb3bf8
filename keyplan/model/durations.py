"""Durations as manifests and plans write them: a whole number and one unit."""

from __future__ import annotations

from datetime import timedelta

_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))


def write_duration(duration: timedelta) -> str:
    """Return ``90d``, ``24h``, ``30m`` or ``45s``: the largest unit that divides it, from days down."""
    for unit, length in _UNITS:
        if duration >= length and not duration % length:
            return f"{duration // length}{unit}"
    return f"{int(duration.total_seconds())}s"
