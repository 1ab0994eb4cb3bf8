"""Claims of several runs in one object, in every order in which they can be written and looked at."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import count
from random import Random

import pytest

from keyplan.sinks.claims import is_won, name_claim


class Place:
    """An object with entries, as a store shows it to everybody at once."""

    def __init__(self) -> None:
        self.claims: set[str] = set()
        self.holder = ""
        self.told: list[bool] = []
        self.has_given_up = False
        """Whether a run waited for another one until its looks were used up."""


def run(place: Place, name: str) -> Iterator[None]:
    """What one run does; each step is one request, in which it is alone."""
    yield
    if place.holder:
        place.told.append(False)
        return
    yield
    place.claims.add(name)
    looks = stepping(place, name)
    won = yield from looks
    yield
    place.claims.discard(name)
    if won:
        place.holder = name
    place.told.append(won)


def stepping(place: Place, name: str) -> Generator[None, None, bool]:
    """`is_won`, with other runs between its looks."""
    for looks in count(1):
        yield
        seen = [{*place.claims} - {name} | ({""} if place.holder else set())]
        # One look in a step: what it did not decide is left to the next.
        verdict = ask(name, seen[0])
        if verdict is not None:
            return verdict
        if looks == 4:
            place.has_given_up = True
            return False
    raise AssertionError


class Undecided(Exception):  # noqa: N818 - it ends a look, and is no error
    pass


def ask(name: str, others: set[str]) -> bool | None:
    def stop(_attempt: int) -> None:
        raise Undecided

    try:
        return is_won(name, lambda: others, give_way=stop)
    except Undecided:
        return None


def schedules(names: tuple[str, ...]) -> Iterator[Place]:
    """Yield the end of every order of steps of these runs."""
    pending: list[tuple[int, ...]] = [()]
    while pending:
        order = pending.pop()
        place = Place()
        runs = [run(place, name) for name in names]
        living = [next(each, "over") is None for each in runs]
        for index in order:
            living[index] = next(runs[index], "over") is None
        if not any(living):
            yield place
        pending += [(*order, index) for index, lives in enumerate(living) if lives]


def test_of_two_runs_one_wins_in_every_order() -> None:
    ends = list(schedules(("a", "b")))
    assert len(ends) > 100
    assert all(place.told.count(True) == 1 for place in ends if not place.has_given_up)
    assert all(place.told.count(True) <= 1 and not place.claims for place in ends)


@pytest.mark.parametrize("seed", range(50))
def test_of_several_runs_never_two_win(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - it chooses an order, and guards nothing
    for _ in range(40):
        place = Place()
        living = [run(place, name) for name in "abcde"]
        while living:
            each = chance.choice(living)
            if next(each, "over") == "over":
                living.remove(each)
        assert place.told.count(True) <= 1


@pytest.mark.parametrize("others", [set(), {"b"}, {"c", "b"}], ids=["alone", "one other", "two others"])
def test_the_lowest_waits_for_the_others_to_be_gone(others: set[str]) -> None:
    left = [others, set[str]()]
    assert is_won("a", lambda: left.pop(0) if left else set(), give_way=lambda _: None)


def test_the_lowest_gives_up_on_one_that_stays() -> None:
    pauses: list[int] = []
    assert not is_won("a", lambda: {"b"}, give_way=pauses.append)
    assert pauses == list(range(1, 9))


def test_a_higher_one_gives_way_at_once() -> None:
    pauses: list[int] = []
    assert not is_won("b", lambda: {"a", "c"}, give_way=pauses.append)
    assert pauses == []


def test_claims_of_two_attempts_have_two_names() -> None:
    assert name_claim("intent-1", "run-1", "1") != name_claim("intent-1", "run-2", "1")
