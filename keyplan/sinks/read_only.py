"""A view of a sink that can be inspected but not written: `keyplan drift` gets it instead of the sink itself.

It must never have a method that writes, or one that returns a raw key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from keyplan.model.manifest import Declaration, Delivery
from keyplan.model.observation import Abilities, Holding, Slot, Survey
from keyplan.ports import Examinable, Matchable, SinkReader, Surveyable


class ReadOnlySink:
    """Implements `SinkReader`, `Surveyable` and `Matchable`; keeps the methods that it needs, not the sink."""

    __slots__ = ("_abilities", "_examine", "_inspect", "_locate", "_match", "_survey")

    def __init__(self, sink: SinkReader) -> None:
        self._abilities = sink.abilities
        self._locate = sink.locate
        self._inspect = sink.inspect
        self._match = sink.match if isinstance(sink, Matchable) else None
        self._survey = sink.survey if isinstance(sink, Surveyable) else None
        self._examine = sink.examine if isinstance(sink, Examinable) else None

    @property
    def abilities(self) -> Abilities:
        """What this kind of sink can do."""
        return self._abilities

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return where a delivery goes. Raises InputError as the sink does."""
        return self._locate(owner, declaration, delivery)

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what each slot holds. Raises SinkError as the sink does."""
        return self._inspect(slots)

    def survey(self, slots: Collection[Slot]) -> Survey:
        """Return what each slot holds, and what would prevent writing it if the sink knows. Raises SinkError."""
        if self._survey is not None:
            return self._survey(slots)
        return Survey(holdings=self._inspect(slots), findings=self._examine(slots) if self._examine else ())

    def match(self, forms: Mapping[Slot, Collection[str]]) -> Mapping[Slot, frozenset[str]]:
        """Return which redacted forms the values fit, as far as the sink knows. Raises SinkError."""
        return self._match(forms) if self._match else {}
