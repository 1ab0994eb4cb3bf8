"""What consumers find at their places while runs come and go: the worst moment, from when and until when.

A consumer reads its place at any instant, and one that read it before the run uses what it read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from keyplan.app.rehearsal.world import World
from keyplan.model.identity import Address, SinkName
from keyplan.model.rehearsal import Hardship, Moment, Step

Place = tuple[SinkName, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phase:
    """A hardship of one place, from when on."""

    hardship: Hardship
    since: Step | None
    until: Step | None = None
    is_over: bool = False


class Consumers:
    """Watches the places of a manifest in one world."""

    def __init__(self, world: World, places: Mapping[Place, Address], *, without_overlap: Iterable[Address]) -> None:
        """`without_overlap` are the addresses whose old keys stop at once because the manifest asks for it."""
        self._world = world
        self._places = places
        self._without_overlap = frozenset(without_overlap)
        self._before = {place: world.find_value(place) for place in places}
        self._worked = {
            place: raw for place, raw in self._before.items() if raw is not None and world.accepts(places[place], raw)
        }
        self._phases: dict[Place, list[_Phase]] = {place: [] for place in places}
        self._next_run = False

    def look(self, step: Step | None) -> None:
        """Note what each place holds after an effect."""
        for place, phases in self._phases.items():
            now = self._judge(place)
            if phases and not phases[-1].is_over and phases[-1].hardship is now:
                continue
            if phases and not phases[-1].is_over:
                last = phases[-1]
                phases[-1] = _Phase(
                    hardship=last.hardship, since=last.since, until=None if self._next_run else step, is_over=True
                )
            if now is not Hardship.NOTHING and not self._next_run:
                phases.append(_Phase(hardship=now, since=step))

    def begin_next_run(self) -> None:
        """The run is over: what ends from now on is ended by the next one, and what begins is not counted."""
        self._next_run = True

    def list_dead_places(self) -> tuple[str, ...]:
        """Return the places that hold a key that does not work, or that lost theirs, sorted."""
        bad = (Hardship.DEAD_KEY, Hardship.KEY_REMOVED)
        return tuple(sorted(f"{name}:{where}" for name, where in self._places if self._judge((name, where)) in bad))

    def find_worst(self) -> Moment:
        """Return the worst moment of all places; of two alike, the one that lasts longer, then the first place."""
        found = [(place, phase) for place, phases in self._phases.items() for phase in phases if self._counts(phase)]
        if not found:
            return Moment(hardship=Hardship.NOTHING)
        place, phase = min(found, key=lambda pair: (-pair[1].hardship.rank, pair[1].until is not None, pair[0]))
        return self._describe(place, phase)

    def list_moments(self) -> tuple[Moment, ...]:
        """Return the worst moment of each place that has one, by place."""
        worst = {
            place: max(counted, key=lambda phase: phase.hardship.rank)
            for place, phases in sorted(self._phases.items())
            if (counted := [phase for phase in phases if self._counts(phase)])
        }
        return tuple(self._describe(place, phase) for place, phase in worst.items())

    def _describe(self, place: Place, phase: _Phase) -> Moment:
        address = self._places[place]
        return Moment(
            hardship=phase.hardship,
            place=f"{place[0]}:{place[1]}",
            address=address,
            since=phase.since,
            until=phase.until,
            is_ended_by_next_run=phase.is_over and phase.until is None,
            is_asked_for=address in self._without_overlap
            and phase.hardship in (Hardship.OLD_KEY_ENDED, Hardship.DEAD_KEY),
        )

    def _counts(self, phase: _Phase) -> bool:
        # A new key is missing before it is made; that does not count if the same run stores it.
        return phase.hardship is not Hardship.NO_KEY_YET or phase.until is None

    def _judge(self, place: Place) -> Hardship:
        raw, before = self._world.find_value(place), self._before[place]
        if raw is None:
            return Hardship.NO_KEY_YET if before is None else Hardship.KEY_REMOVED
        accepts = partial(self._world.accepts, self._places[place])
        if not accepts(raw):
            return Hardship.DEAD_KEY
        old = self._worked.get(place)
        return Hardship.OLD_KEY_ENDED if old is not None and not accepts(old) else Hardship.NOTHING
