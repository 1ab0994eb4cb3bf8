"""Two applies of one manifest at the same time, in every order of their effects, killed and paused anywhere.

The short form tries some settings; the long form, for `make soak`, tries all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, product
from random import Random

import pytest
from races.duel import FLOWS, LEDGERS, SINKS, Duel, Setting
from races.explore import fight_in_every_order, fight_with_kills, fight_with_pauses, fight_with_switches
from races.schedule import AllOrders, Arena, Script, Step

pytestmark = pytest.mark.usefixtures("one_thread")

Family = Callable[[Setting, str], Iterator[Duel]]
FAMILIES: dict[str, Family] = {
    "any order": fight_in_every_order,
    "switches": fight_with_switches,
    "kills": fight_with_kills,
    "pauses": fight_with_pauses,
}
MOST = 1000
"""So many schedules of one setting, flow and family. Only `any order` without any guard has more: runs that end each
other's keys in turn. There `switches`, which is complete, tries those that a person would think of first."""
MOST_IN_SHORT = 80
OWN = "each its own"
SHORT: tuple[tuple[Setting, str, str], ...] = (
    (Setting(sink="comparing", ledgers=OWN, refresh_id="same"), "create", "any order"),
    (Setting(sink="comparing", ledgers=OWN, refresh_id="same"), "refresh", "any order"),
    (Setting(sink="comparing", ledgers=OWN), "replace", "kills"),
    (Setting(sink="comparing", ledgers="one is new", dialect="alpha"), "replace with overlap", "pauses"),
    (Setting(sink="comparing, write only", ledgers=OWN, refresh_id="same"), "refresh with grace", "switches"),
    (Setting(sink="with receipts", ledgers=OWN, refresh_id="same"), "refresh", "switches"),
    (Setting(sink="with receipts", ledgers="one is new"), "create", "any order"),
    (Setting(sink="without proof", ledgers=OWN), "create", "any order"),
    (Setting(sink="without proof", ledgers=OWN, refresh_id="same"), "refresh", "switches"),
    (Setting(sink="without proof", ledgers=OWN), "replace with overlap", "kills"),
    (Setting(sink="without proof", ledgers="common", refresh_id="same"), "refresh", "pauses"),
    (Setting(sink="without proof", ledgers="common"), "remove", "kills"),
)


def _settings() -> Iterator[Setting]:
    for sink, ledgers, dialect, refresh_id in product(SINKS, LEDGERS, ("alpha", "beta"), ("new", "same")):
        if ledgers == "one is new" and sink == "without proof":
            # A run that knows nothing of a sink that proves nothing is refused, alone or not.
            continue
        yield Setting(sink=sink, ledgers=ledgers, dialect=dialect, refresh_id=refresh_id)


def _is_possible(setting: Setting, flow: str) -> bool:
    return not (flow == "refresh with grace" and setting.dialect == "alpha")


def _try(setting: Setting, flow: str, family: Family, most: int) -> int:
    """Return how many schedules were tried. Raises AssertionError with the shortest of those that break the promise."""
    tried, worst = 0, None
    for duel in islice(family(setting, flow), most):
        tried += 1
        broken = duel.close()
        if broken and (worst is None or len(duel.arena.trace) < len(worst[1].arena.trace)):
            worst = (broken, duel)
    if worst:
        broken, duel = worst
        told = "\n".join([f"{flow}, {setting}, closed by {duel.closer}:", *broken, *duel.arena.trace])
        raise AssertionError(told)
    return tried


@pytest.mark.parametrize(("setting", "flow", "family"), SHORT, ids=str)
def test_two_runs_at_once_keep_the_promise_in_some_settings(setting: Setting, flow: str, family: str) -> None:
    assert _try(setting, flow, FAMILIES[family], MOST_IN_SHORT) > 1


@pytest.mark.soak
@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("family", FAMILIES)
def test_two_runs_at_once_keep_the_promise_in_every_setting(flow: str, family: str) -> None:
    settings = [setting for setting in _settings() if _is_possible(setting, flow)]
    tried = [_try(setting, flow, FAMILIES[family], MOST) for setting in settings]
    cut = sum(number == MOST for number in tried)
    print(f"{flow}, {family}: {sum(tried)} schedules, {cut} of {len(settings)} settings cut")  # noqa: T201 - the figure for docs/reliability.md


class _Random:
    """A chooser that follows no order."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - repeatable, not secret

    def choose(self, ready: dict[str, Step]) -> str | None:
        """Return anyone who is ready."""
        return self._random.choice(list(ready))


def _describe(duel: Duel) -> tuple[object, ...]:
    return (sorted(duel.statuses.items()), duel.made, duel.world.delivered(), sorted(duel.close()))


def test_a_schedule_at_random_comes_to_nothing_that_the_orders_which_are_tried_do_not_come_to() -> None:
    setting = Setting(sink="without proof", ledgers="each its own")
    known = [_describe(duel) for duel in fight_in_every_order(setting, "create")]
    for seed in range(100):
        duel = Duel(setting, "create", closer="AB"[seed % 2])
        duel.fight(_Random(seed))
        assert _describe(duel) in known, duel.arena.trace


def _count_orders(first: list[Step], second: list[Step]) -> tuple[int, set[str]]:
    """Return how many schedules are tried of two runs that only take these steps, and the orders that were seen."""
    seen = []
    for chooser in AllOrders().plays():
        arena = Arena({"A": lambda: walk(first), "B": lambda: walk(second)})

        def walk(steps: list[Step], arena: Arena = arena) -> None:
            for step in steps:
                arena.gate(step)

        if arena.play(chooser):
            seen.append(" ".join(arena.trace))
    return len(seen), set(seen)


def test_steps_that_do_not_conflict_are_tried_in_one_order_and_others_in_every_order() -> None:
    one, other = Step(name="x", writes=frozenset({"x"})), Step(name="y", writes=frozenset({"y"}))
    assert _count_orders([one, one], [other, other])[0] == 1
    assert _count_orders([one, one], [one, one])[0] == 6
    tried, orders = _count_orders([one, other], [one, other])
    assert (tried, len(orders)) == (4, 4)


def test_a_run_that_is_killed_takes_no_further_step_and_keeps_its_lock() -> None:
    duel = Duel(Setting(ledgers="common"), "create")
    duel.fight(Script([("A", 3)], on_end=lambda _number: duel.arena.kill("A")))
    assert (duel.statuses, duel.world.ledger.held is not None) == ({"B": 7}, True)
