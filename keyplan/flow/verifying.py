"""Whether a raw key works, asked with some patience: a new key may need seconds until the provider knows it."""

from __future__ import annotations

from contextlib import suppress

from keyplan.errors import ProviderError
from keyplan.flow.workbench import Workbench
from keyplan.model.secret import RawKey


def is_accepted_soon(raw: RawKey, bench: Workbench) -> bool:
    """Whether the provider accepts the raw key within some seconds; no where it says nothing at all."""
    for _ in bench.pauses():
        with suppress(ProviderError):
            if bench.writer.verify(raw):
                return True
    return False
