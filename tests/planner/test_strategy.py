"""Refresh or replace, by strategy and by the laws of each dialect, and the reason given."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from planner.situations import DAY, HOUR
from samples import NOW, make_desired, make_observation
from simulator import LAWS

from keyplan.model.manifest import Retire, Rotation, Strategy
from keyplan.model.plan import FieldChange, Verb
from keyplan.planner.strategy import choose_for_lost_key, choose_strategy, find_overlap, find_unlawful_rotation

NAMED = FieldChange(field="name", before="a", after="b")
EXPIRY = FieldChange(field="expires_at", before="a", after="b")
SECOND = timedelta(seconds=1)
NO_REFRESH = "strategy: refresh is not possible"
TOO_LONG = "the overlap is longer than the 1d that a refresh can give in the beta API"
BY_THE_CLOCK = "a refresh ends the old raw key by the clock, and retire: when_unused is asked for"
NO_EXTENSION = "replace: a refresh can't extend a key's life in the beta API"

ROWS = [
    pytest.param("alpha", {}, None, (), "refresh: one call, and no overlap is asked for", id="alpha: nothing forbids"),
    pytest.param("beta", {}, None, (), "refresh: one call, and no overlap is asked for", id="beta: nothing forbids"),
    pytest.param(
        "alpha",
        {"rotation": Rotation(overlap=SECOND)},
        None,
        (),
        "replace: a refresh ends the old raw key at once in the alpha API, and an overlap is asked for",
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
        {"expires_in": DAY},
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
        {"expires_at": NOW + DAY},
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
        {"expires_in": DAY},
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
        "replace: nothing but a new key can have another name",
        id="alpha: a name is fixed",
    ),
    pytest.param(
        "alpha",
        {},
        None,
        (FieldChange(field="description", before="a", after="b"), NAMED),
        "replace: nothing but a new key can have another description, name",
        id="alpha: two are fixed",
    ),
    pytest.param(
        "beta",
        {"rotation": Rotation(strategy=Strategy.REFRESH)},
        None,
        (NAMED,),
        "replace: nothing but a new key can have another name",
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
        pytest.param(Rotation(), timedelta(0), id="none"),
        pytest.param(Rotation(overlap=HOUR), HOUR, id="as declared"),
        pytest.param(Rotation(retire=Retire.WHEN_UNUSED), HOUR, id="when unused: at least settle"),
        pytest.param(Rotation(retire=Retire.WHEN_UNUSED, overlap=DAY), DAY, id="when unused: the longer one"),
        pytest.param(
            Rotation(retire=Retire.WHEN_UNUSED, settle=timedelta(0)), SECOND, id="when unused: never deleted at once"
        ),
    ],
)
def test_a_key_that_waits_to_be_unused_always_overlaps(rotation: Rotation, overlap: timedelta) -> None:
    assert find_overlap(rotation) == overlap


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
    ],
)
def test_what_can_never_be_lawful_is_told(dialect: str, declared: dict[str, Any], problems: list[str]) -> None:
    assert [message for message, _ in find_unlawful_rotation(make_desired(**declared), LAWS[dialect])] == problems
