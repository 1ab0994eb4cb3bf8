"""What a sink of this machine is built with in tests: a folder, an environment, and what the user was told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from samples import RENAMED_LINEAGE

from keyplan.context import PluginContext
from keyplan.ports import Clock
from keyplan.system.clock import SystemClock
from keyplan.system.secrets import resolve


def make_context(
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    said: list[str] | None = None,
    clock: Clock | None = None,
) -> PluginContext:
    """Return context whose environment is PATH, HOME and what is given."""
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder), **(environment or {})}
    return PluginContext(
        folder=str(folder),
        lineage=RENAMED_LINEAGE,
        clock=clock or SystemClock(),
        jitter=lambda limit: limit,
        resolve=lambda source: resolve(source, environment=variables, folder=str(folder)),
        environment=variables,
        say=(said if said is not None else []).append,
    )
