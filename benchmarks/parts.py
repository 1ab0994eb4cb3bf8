"""How long each part of a plan takes: `python -m benchmarks.parts FOLDER`, seconds by part as JSON on stdout.

In: a prepared folder. Out: the least of three runs of each part, in one process.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keyplan.app.plan import plan_workspace
from keyplan.app.wiring import PluginWiring
from keyplan.app.workspace import open_workspace
from keyplan.applier.observe import locate_slots
from keyplan.cli.main import notify
from keyplan.cli.screen import Screen
from keyplan.cli.session import Session
from keyplan.cli.signals import Interrupts
from keyplan.model.plan import Request
from keyplan.renderers.formats import render_plan


def main() -> None:
    """Measure and tell."""
    gc.disable()
    folder = Path(sys.argv[1])
    session = _open_session(folder)
    wiring = PluginWiring(dict(os.environ), lambda _: None)
    place = open_workspace(None, session.context, ledger=None)
    manifest = place.manifest
    account = str(manifest.provider.options["base_url"])
    reader = wiring.ledger_reader(place.ledger, lineage=manifest.lineage, folder=folder, account=account)
    sink = next(iter(wiring.sinks(manifest, folder=folder).values()))
    slots = [slot for mine in locate_slots(manifest, {"local": sink}).values() for slot in mine]  # type: ignore[dict-item]  # a reader is all it asks for
    plan = plan_workspace(wiring, place, Request())
    parts: dict[str, Callable[[], Any]] = {
        "ledger": reader.recall,
        "receipts": lambda: sink.inspect(slots),
        "render text": lambda: render_plan(plan, as_format="text"),
        "render json": lambda: render_plan(plan, as_format="json"),
    }
    sys.stdout.write(json.dumps({name: _time(part) for name, part in parts.items()}) + "\n")


def _open_session(folder: Path) -> Session:
    screen = Screen(stdin=sys.stdin, stdout=sys.stdout, stderr=sys.stderr, environment={})
    return Session(
        environment={},
        folder=folder,
        screen=screen,
        interrupts=Interrupts(notify),
        read_stdin=lambda _: b"",
        wire=PluginWiring,
    )


def _time(part: Callable[[], Any]) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        part()
        best = min(best, time.perf_counter() - start)
    return best


if __name__ == "__main__":
    main()
