"""A sink on files of this machine, which can say at little cost that nothing changed.

A trace is taken before a place is read. Who finds the same trace later need not read it again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from keyplan.errors import SinkDeniedError
from keyplan.model.examination import Finding
from keyplan.model.identity import Lineage
from keyplan.model.manifest import SinkSettings
from keyplan.model.observation import Slot
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.file_store import FileStore
from keyplan.sinks.value_store import Loaded, find_broken


class TracedSink(SinkEngine):
    """Implements Traceable, too."""

    def __init__(self, settings: SinkSettings, *, lineage: Lineage, store: FileStore, kind: SinkKind) -> None:
        super().__init__(settings, lineage=lineage, store=store, kind=kind)
        self._files = store

    def trace(self, slots: Collection[Slot]) -> Mapping[Slot, str]:
        """Return what differs once something changed at a slot; slots of which that is not sure are left out.

        Raises SinkDeniedError, SinkUnavailableError if a slot can't be looked at.
        """
        return self._files.trace(slots)

    def find_obstacles(self, slots: Collection[Slot]) -> tuple[Finding, ...]:
        """Return what would keep these slots from being written, whatever they hold."""
        self._files.announce(slots)
        try:
            return tuple(self._files.examine(dict.fromkeys(slots, Loaded())))
        except SinkDeniedError as error:
            return (find_broken(error),)
