"""Which schedules of two runs are tried: every order of their effects, and every kill and pause with two switches.

In: a setting and a flow. Out: duels that were fought, each in a schedule of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from races.duel import BEYOND_LEASE, FIRST, SECOND, Duel, Setting
from races.schedule import AllOrders, Chooser, Script, Step

TO_THE_END = 1_000_000


def fight_in_every_order(setting: Setting, flow: str) -> Iterator[Duel]:
    """Yield a duel for each order of the effects of both runs, up to the order of those that do not conflict."""
    for number, chooser in enumerate(AllOrders().plays()):
        duel = _prepare(setting, flow, number)
        if duel.fight(chooser):
            yield duel


def fight_with_kills(setting: Setting, flow: str) -> Iterator[Duel]:
    """Yield a duel for each effect at which one of the runs can be killed, in each schedule of at most two switches.

    A schedule is left out if it differs from another one of these only in the order of steps that do not conflict.
    """
    number = 0
    for before, middle, after in _list_switches(setting, flow):
        # The order of the two matters only once: a killed run is either the one that was switched to, or back to.
        for segments, victim in _list_kills(setting, flow, before, middle, after):
            number += 1
            duel = _prepare(setting, flow, number)
            script = Script(segments, on_end=partial(_kill_at_end, duel, victim, len(segments) - 1))
            duel.fight(script)
            yield duel


def fight_with_switches(setting: Setting, flow: str) -> Iterator[Duel]:
    """Yield a duel for each schedule of at most two switches, but for those that another one of these covers."""
    for number, (before, middle, _) in enumerate(_list_switches(setting, flow)):
        duel = _prepare(setting, flow, number)
        duel.fight(Script([before, middle]))
        yield duel


def fight_with_pauses(setting: Setting, flow: str) -> Iterator[Duel]:
    """Yield a duel for each schedule of at most two switches in which the run that is left stands still too long.

    So long that its lease is over: a suspended machine, a stopped process, a network that is cut off.
    """
    for number, (before, middle, _) in enumerate(_list_switches(setting, flow)):
        if before[1] == 0:
            continue
        # A put that comes after the other run has ended is known to nothing but the ledger of the run that stood still,
        # if the sink proves nothing: the next apply of that machine replaces it (docs/reliability.md, "Not promised").
        is_known_to_one = setting.sink == "without proof" and setting.ledgers == "each its own"
        duel = Duel(setting, flow, closer=before[0]) if is_known_to_one else _prepare(setting, flow, number)
        duel.was_paused = True
        duel.fight(Script([before, middle], on_end=partial(_let_lease_end, duel)))
        yield duel


def _prepare(setting: Setting, flow: str, number: int) -> Duel:
    return Duel(setting, flow, closer=(FIRST, SECOND)[number % 2])


def _let_lease_end(duel: Duel, _number: int) -> None:
    duel.world.clock.advance(BEYOND_LEASE)


def _kill_at_end(duel: Duel, victim: str, last: int, number: int) -> None:
    if number == last:
        duel.arena.kill(victim)


Segment = tuple[str, int]


def _list_switches(setting: Setting, flow: str) -> Iterator[tuple[Segment, Segment, Sequence[Step]]]:
    """Yield where the first switch comes, how far the other run then gets, and all steps of that other run."""
    orders = [(FIRST, SECOND)]
    if setting.ledgers == "one is new":
        # Else both runs are the same but for their names.
        orders.append((SECOND, FIRST))
    for one, other in orders:
        alone = _run(setting, flow, Script([(one, TO_THE_END)])).arena.actors[one].done
        for begun in range(len(alone) + 1):
            steps = _run(setting, flow, Script([(one, begun), (other, TO_THE_END)])).arena.actors[other].done
            for taken in range(1, len(steps) + 1):
                if begun == len(alone) or _conflict(alone[begun], steps[:taken]):
                    yield (one, begun), (other, taken), steps


def _list_kills(
    setting: Setting, flow: str, before: Segment, middle: Segment, steps: Sequence[Step]
) -> Iterator[tuple[list[Segment], str]]:
    """Yield segments, and who is killed after the last of them."""
    (one, begun), (other, taken) = before, middle
    if taken == len(steps):
        # The other run is whole: only the first can be killed, which comes to a kill right where it was left.
        yield [before], one
        return
    yield [before, middle], other
    rest = _run(setting, flow, Script([before, middle, (one, TO_THE_END)])).arena.actors[one].done[begun:]
    for further in range(1, len(rest)):
        if _conflict(steps[taken], rest[:further]):
            yield [before, middle, (one, further)], one


def _run(setting: Setting, flow: str, chooser: Chooser) -> Duel:
    duel = Duel(setting, flow)
    duel.fight(chooser)
    return duel


def _conflict(step: Step, others: Sequence[Step]) -> bool:
    return any(step.conflicts_with(other) for other in others)
