"""Seconds that keyplan's reader takes to list so many spaces: `python -m benchmarks.listing URL SPACES`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.accounts import space_id
from keyplan.app.wiring import PluginWiring
from keyplan.model.identity import Identity, Lineage, ScopeId
from keyplan.model.manifest import ProviderSettings


def main() -> None:
    """List and tell."""
    url, spaces = sys.argv[1], int(sys.argv[2])
    wiring = PluginWiring({"ARIZE_API_KEY": "ak-benchmark"}, lambda _: None)
    settings = ProviderSettings(options={"base_url": url, "api": "beta"})
    ports = wiring.provider(settings, lineage=Lineage(identity=Identity("bench")), folder=Path.cwd())
    ids = [ScopeId(space_id(number)) for number in range(spaces)]
    ports.reader.list_keys(ids[:1])  # connects, imports
    start = time.perf_counter()
    ports.reader.list_keys(ids)
    sys.stdout.write(f"{time.perf_counter() - start}\n")
    ports.close()


if __name__ == "__main__":
    main()
