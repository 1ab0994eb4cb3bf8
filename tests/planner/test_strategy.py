"""Refresh or replace, by strategy and by the laws of each dialect, and the reason given."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from planner.situations import DAY, HOUR
from samples import AT_ONCE, NOW, make_desired, make_observation
from simulator import LAWS

from keyplan.model.field_change import FieldChange
from keyplan.model.manifest import Adopt, Retire, Rotation, Strategy
from keyplan.model.plan import Verb
from keyplan.planner.strategy import (
    choose_for_lost_key,
    choose_strategy,
    find_overlap,
    find_unlawful_rotation,
    without_overlap,
)

NAMED = FieldChange(field="name", before="a", after="b")
EXPIRY = FieldChange(field="expires_at", before="a", after="b")
SECOND = timedelta(seconds=1)
UNIQUE = "names are unique in the ZenML API, so no second key can stand beside the first"
NO_REFRESH = "strategy: refresh is not possible"
TOO_LONG = "the overlap is longer than the 1d that a refresh can give in the beta API"
BY_THE_CLOCK = "a refresh ends the old raw key by the clock, and retire: when_unused is asked for"
NO_GRACE = "replace: a refresh ends the old raw key at once in the alpha API, and an overlap is asked for"
BY_DEFAULT = "replace: a refresh ends the old raw key at once in the alpha API, and old keys overlap by default"
NO_EXTENSION = "replace: a refresh can't extend a key's life in the beta API"

ROWS = [
    pytest.param(
        "alpha",
        {"rotation": AT_ONCE},
        None,
        (),
        "refresh: one call, and no overlap is asked for",
        id="alpha: nothing forbids",
    ),
    pytest.param(
        "beta",
        {"rotation": AT_ONCE},
        None,
        (),
        "refresh: one call, and no overlap is asked for",
        id="beta: nothing forbids",
    ),
    pytest.param(
        "alpha",
        {"rotation": Rotation(overlap=SECOND)},
        None,
        (),
        NO_GRACE,
        id="alpha: no grace",
    ),
    pytest.param(
        "beta",
        {"rotation": Rotation(overlap=DAY)},
        None,
        (),
        "refresh: the beta API keeps the old raw key for the overlap",
        id="beta: the overlap just fits the grace",
    ),
    pytest.param(
        "beta",
        {"rotation": Rotation(overlap=DAY + SECOND)},
        None,
        (),
        "replace: the overlap is longer than the 1d that a refresh can give in the beta API",
        id="beta: a second too long",
    ),
    pytest.param(
        "alpha",
        {"expires_in": DAY, "rotation": AT_ONCE},
        NOW + HOUR,
        (),
        "refresh: one call, and no overlap is asked for",
        id="alpha: extends",
    ),
    pytest.param("beta", {"expires_in": DAY}, NOW + HOUR, (), NO_EXTENSION, id="beta: never extends, relative"),
    pytest.param(
        "beta", {"expires_at": NOW + DAY}, NOW + HOUR, (EXPIRY,), NO_EXTENSION, id="beta: never extends, absolute"
    ),
    pytest.param("beta", {}, NOW + HOUR, (EXPIRY,), NO_EXTENSION, id="beta: an end can't be taken away"),
    pytest.param(
        "beta",
        {"expires_at": NOW + DAY, "rotation": AT_ONCE},
        NOW + DAY - SECOND,
        (),
        "refresh: one call, and no overlap is asked for",
        id="beta: a rounded second is no extension",
    ),
    pytest.param(
        "beta", {"expires_at": NOW + DAY}, NOW + DAY - 2 * SECOND, (), NO_EXTENSION, id="beta: two seconds are"
    ),
    pytest.param(
        "beta",
        {"expires_in": DAY, "rotation": AT_ONCE},
        None,
        (EXPIRY,),
        "refresh: one call, and no overlap is asked for",
        id="beta: a first end can be given",
    ),
    pytest.param(
        "alpha",
        {},
        None,
        (NAMED, EXPIRY),
        "replace: changing the name requires a new key",
        id="alpha: a name is fixed",
    ),
    pytest.param(
        "alpha",
        {},
        None,
        (FieldChange(field="description", before="a", after="b"), NAMED),
        "replace: changing the description, name requires a new key",
        id="alpha: two are fixed",
    ),
    pytest.param(
        "beta",
        {"rotation": Rotation(strategy=Strategy.REFRESH)},
        None,
        (NAMED,),
        "replace: changing the name requires a new key",
        id="beta: a name is fixed, whatever the strategy",
    ),
    pytest.param(
        "alpha",
        {"rotation": Rotation(strategy=Strategy.REPLACE)},
        None,
        (),
        "replace: the manifest says so",
        id="asked for",
    ),
    pytest.param(
        "beta",
        {"rotation": Rotation(retire=Retire.WHEN_UNUSED)},
        None,
        (),
        "replace: a refresh ends the old raw key by the clock, and retire: when_unused is asked for",
        id="beta: only a second key can wait",
    ),
    pytest.param("alpha", {}, None, (), BY_DEFAULT, id="alpha: by default two keys overlap"),
    pytest.param(
        "beta",
        {},
        None,
        (),
        "refresh: the beta API keeps the old raw key for the overlap",
        id="beta: by default a grace",
    ),
]


@pytest.mark.parametrize(("dialect", "declared", "expires_at", "changes", "explanation"), ROWS)
def test_the_way_follows_from_strategy_and_laws(
    dialect: str,
    declared: dict[str, Any],
    expires_at: datetime | None,
    changes: tuple[FieldChange, ...],
    explanation: str,
) -> None:
    desired, key = make_desired(**declared), make_observation(expires_at=expires_at, marker=make_desired().marker)
    choice = choose_strategy(desired, key, changes=changes, laws=LAWS[dialect], now=NOW)
    assert choice.explanation == explanation
    assert choice.verb is Verb(explanation.partition(":")[0])
    assert choice.overlap == find_overlap(desired.declaration.rotation)


@pytest.mark.parametrize(
    ("rotation", "overlap"),
    [
        pytest.param(Rotation(), DAY, id="by default"),
        pytest.param(Rotation(every=30 * DAY), DAY, id="by default, with a long cycle"),
        pytest.param(Rotation(every=36 * HOUR), 18 * HOUR, id="by default at most half of the cycle"),
        pytest.param(Rotation(every=HOUR + SECOND), HOUR / 2, id="half of an odd cycle, in whole seconds"),
        pytest.param(Rotation(every=36 * HOUR, overlap=20 * HOUR), 20 * HOUR, id="more than half if that is declared"),
        pytest.param(Rotation(overlap=HOUR), HOUR, id="as declared"),
        pytest.param(Rotation(overlap=timedelta(0)), timedelta(0), id="none, as declared"),
        pytest.param(Rotation(retire=Retire.WHEN_UNUSED), DAY, id="when unused: by default"),
        pytest.param(
            Rotation(retire=Retire.WHEN_UNUSED, overlap=timedelta(0)), HOUR, id="when unused: at least settle"
        ),
        pytest.param(Rotation(retire=Retire.WHEN_UNUSED, overlap=DAY), DAY, id="when unused: the longer one"),
        pytest.param(
            Rotation(retire=Retire.WHEN_UNUSED, settle=timedelta(0), overlap=timedelta(0)),
            SECOND,
            id="when unused: never deleted at once",
        ),
    ],
)
def test_an_old_key_works_on_for_a_day_unless_the_manifest_says_otherwise(
    rotation: Rotation, overlap: timedelta
) -> None:
    assert find_overlap(rotation) == overlap


@pytest.mark.parametrize(
    ("dialect", "rotation", "verb", "overlap"),
    [
        pytest.param("alpha", Rotation(), Verb.REFRESH, timedelta(0), id="alpha has no grace"),
        pytest.param("beta", Rotation(), Verb.REFRESH, DAY, id="beta has one"),
        pytest.param("beta", Rotation(every=36 * HOUR), Verb.REFRESH, 18 * HOUR, id="at most half of the cycle"),
        pytest.param("alpha", Rotation(overlap=HOUR), Verb.REPLACE, HOUR, id="what is declared is never shortened"),
        pytest.param("beta", Rotation(overlap=2 * DAY), Verb.REPLACE, 2 * DAY, id="not even to the longest grace"),
    ],
)
@pytest.mark.parametrize("how", ["strategy: refresh", "adopt: refresh"])
def test_a_refresh_that_the_manifest_asks_for_overlaps_by_default_as_long_as_it_can(
    dialect: str, rotation: Rotation, verb: Verb, overlap: timedelta, how: str
) -> None:
    is_adopted = how == "adopt: refresh"
    desired = make_desired(rotation=rotation if is_adopted else replace(rotation, strategy=Strategy.REFRESH))
    choice = choose_strategy(
        desired, make_observation(), changes=(), laws=LAWS[dialect], now=NOW, is_adopted=is_adopted
    )
    assert (choice.verb, choice.overlap) == (verb, overlap)


def test_a_refresh_that_ends_the_old_raw_key_says_why() -> None:
    desired = make_desired(rotation=Rotation(strategy=Strategy.REFRESH))
    choice = choose_strategy(desired, make_observation(), changes=(), laws=LAWS["alpha"], now=NOW)
    assert choice.explanation == "refresh: the manifest asks for it, and the alpha API gives it no overlap"


def test_what_must_be_replaced_although_a_refresh_is_asked_for_overlaps_by_default() -> None:
    desired = make_desired(rotation=Rotation(strategy=Strategy.REFRESH))
    choice = choose_strategy(desired, make_observation(), changes=(NAMED,), laws=LAWS["alpha"], now=NOW)
    assert (choice.verb, choice.overlap) == (Verb.REPLACE, DAY)


@pytest.mark.parametrize("retire", Retire)
@pytest.mark.parametrize("dialect", ["alpha", "beta"])
def test_without_overlap_an_old_key_stops_at_once_whatever_is_declared(retire: Retire, dialect: str) -> None:
    desired = without_overlap(make_desired(rotation=Rotation(overlap=DAY, retire=retire)))
    key = make_observation(marker=make_desired().marker)
    choice = choose_strategy(desired, key, changes=(), laws=LAWS[dialect], now=NOW)
    assert (choice.verb, choice.overlap) == (Verb.REFRESH, timedelta(0))


@pytest.mark.parametrize(
    ("expires_at", "changes", "verb"),
    [
        pytest.param(None, (), Verb.REFRESH, id="lawful"),
        pytest.param(NOW + HOUR, (), Verb.REPLACE, id="would extend its life"),
        pytest.param(None, (NAMED,), Verb.REPLACE, id="has another name"),
    ],
)
def test_what_nobody_holds_needs_no_overlap(
    expires_at: datetime | None, changes: tuple[FieldChange, ...], verb: Verb
) -> None:
    desired = make_desired(expires_in=DAY, rotation=Rotation(overlap=9 * DAY, strategy=Strategy.REPLACE))
    key = make_observation(expires_at=expires_at, marker=make_desired().marker)
    choice = choose_for_lost_key(desired, key, changes=changes, laws=LAWS["beta"], now=NOW)
    assert (choice.verb, choice.overlap) == (verb, timedelta(0))
    assert choice.explanation.startswith(f"{verb.value}: ")


@pytest.mark.parametrize(
    ("dialect", "declared", "problems"),
    [
        pytest.param("alpha", {"rotation": Rotation(overlap=DAY)}, [], id="auto is always lawful"),
        pytest.param("alpha", {"rotation": Rotation(strategy=Strategy.REPLACE, overlap=DAY)}, [], id="so is replace"),
        pytest.param("beta", {"rotation": Rotation(strategy=Strategy.REFRESH, overlap=DAY)}, [], id="refresh by grace"),
        pytest.param(
            "alpha", {"rotation": Rotation(strategy=Strategy.REFRESH), "expires_in": DAY}, [], id="alpha extends"
        ),
        pytest.param(
            "alpha",
            {"rotation": Rotation(strategy=Strategy.REFRESH, overlap=DAY)},
            [f"{NO_REFRESH}: {NO_GRACE.removeprefix('replace: ')}"],
            id="no refresh overlaps in alpha",
        ),
        pytest.param("beta", {"rotation": Rotation(retire=Retire.WHEN_UNUSED)}, [], id="beta shows the last use"),
        pytest.param(
            "alpha",
            {"rotation": Rotation(retire=Retire.WHEN_UNUSED)},
            ["retire: when_unused needs last_used_at, which the alpha API does not show"],
            id="alpha does not",
        ),
        pytest.param(
            "beta",
            {"rotation": Rotation(strategy=Strategy.REFRESH, overlap=2 * DAY), "expires_in": DAY},
            [f"{NO_REFRESH}: {TOO_LONG}", f"{NO_REFRESH} with expires_in: {NO_EXTENSION.removeprefix('replace: ')}"],
            id="two at once",
        ),
        pytest.param(
            "beta",
            {"rotation": Rotation(strategy=Strategy.REFRESH, retire=Retire.WHEN_UNUSED)},
            [f"{NO_REFRESH}: {BY_THE_CLOCK}"],
            id="refresh can't wait",
        ),
        pytest.param(
            "phoenix",
            {"adopt": Adopt.REFRESH, "rotation": Rotation(strategy=Strategy.REFRESH)},
            [
                "adopt: refresh is not possible: keys of the Phoenix API can't be refreshed",
                f"{NO_REFRESH}: keys of the Phoenix API can't be refreshed",
            ],
            id="no refresh at all",
        ),
        pytest.param(
            "zenml",
            {"adopt": Adopt.REPLACE, "rotation": Rotation(strategy=Strategy.REPLACE, overlap=31 * DAY)},
            [
                f"strategy: replace is not possible: {UNIQUE}",
                f"adopt: replace is not possible: {UNIQUE}",
                "overlap is longer than the 30d that the ZenML API keeps an old raw key",
            ],
            id="no second key of one name",
        ),
        pytest.param(
            "zenml",
            {"expires_in": DAY, "rotation": Rotation(strategy=Strategy.REFRESH)},
            ["keys of the ZenML API have no expiry"],
            id="no expiry",
        ),
    ],
)
def test_what_can_never_be_lawful_is_told(dialect: str, declared: dict[str, Any], problems: list[str]) -> None:
    assert [message for message, _ in find_unlawful_rotation(make_desired(**declared), LAWS[dialect])] == problems
