"""An old key works on unless the manifest or the user says otherwise, and an action that cuts consumers off says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from planner.situations import CI, DAY, HOUR, LATER, old, ours, plan, recorded, situate, slot_of, words
from samples import AT_ONCE, NOW, make_desired, make_intent, make_observation
from simulator import BLIND

from keyplan.model.identity import KeyId
from keyplan.model.manifest import Adopt, Rotation, Strategy
from keyplan.model.observation import Content, Holding
from keyplan.model.plan import Action, Verb

CURRENT: dict[str, Any] = {"keys": [ours()], "receipts": [recorded()]}
WITH_OLD_KEY = {
    "keys": [ours(), ours("key-0", created_at=NOW - DAY)],
    "receipts": [recorded(superseded=(old("key-0", ends=LATER + DAY),))],
}


def renewal(declared: dict[str, Any], world: dict[str, Any], dialect: str, **request: Any) -> Action:
    desired = make_desired(**declared)
    (action,) = plan(situate(desired, dialect=dialect, **world), desired, **request).actions
    return action


@pytest.mark.parametrize(
    ("declared", "world", "request_"),
    [
        pytest.param({"expires_in": DAY}, CURRENT, {}, id="changed"),
        pytest.param({"rotation": Rotation(generation=2)}, CURRENT, {}, id="requested by the manifest"),
        pytest.param({}, CURRENT, {"rotate": (CI,)}, id="requested by the user"),
        pytest.param({}, {**CURRENT, "held": {}}, {}, id="undelivered"),
        pytest.param({}, {"keys": [ours()]}, {}, id="undelivered: a marker alone"),
        pytest.param(
            {}, {"keys": [ours(redacted="ak-oth...111")], "receipts": [recorded()]}, {}, id="rotated elsewhere"
        ),
        pytest.param({"rotation": Rotation(every=48 * HOUR)}, {**CURRENT, "now": NOW + 48 * HOUR}, {}, id="too old"),
        pytest.param(
            {"expires_in": 90 * DAY},
            {
                "keys": [ours(expires_at=NOW + 90 * DAY)],
                "receipts": [recorded(expires_at=NOW + 90 * DAY)],
                "now": NOW + 80 * DAY,
            },
            {},
            id="expiring",
        ),
    ],
)
@pytest.mark.parametrize("dialect", ["alpha", "beta"])
def test_by_default_an_old_key_works_for_a_day_whatever_the_reason(
    declared: dict[str, Any], world: dict[str, Any], request_: dict[str, Any], dialect: str
) -> None:
    action = renewal(declared, world, dialect, **request_)
    assert (action.overlap, action.cuts_off) == (DAY, False)
    assert action.verb is Verb.REPLACE if dialect == "alpha" else action.verb in (Verb.REFRESH, Verb.REPLACE)
    assert not any("at once" in text for text in action.consequences)


@pytest.mark.parametrize("dialect", ["alpha", "beta"])
@pytest.mark.parametrize("declared", [{"description": "new"}, {}])
def test_without_overlap_consumers_are_cut_off_and_the_plan_says_so(declared: dict[str, Any], dialect: str) -> None:
    action = renewal({"rotation": replace(AT_ONCE, generation=2), **declared}, CURRENT, dialect)
    assert (action.overlap, action.cuts_off) == (timedelta(0), True)


@pytest.mark.parametrize(
    ("declared", "world"),
    [
        pytest.param({"rotation": Rotation(strategy=Strategy.REFRESH, generation=2)}, CURRENT, id="strategy: refresh"),
        pytest.param({"adopt": Adopt.REFRESH}, {"keys": [make_observation("key-9")]}, id="adopt: refresh"),
    ],
)
@pytest.mark.parametrize(("dialect", "overlap"), [("alpha", timedelta(0)), ("beta", DAY)])
def test_a_refresh_that_the_manifest_asks_for_cuts_off_only_in_alpha(
    declared: dict[str, Any], world: dict[str, Any], dialect: str, overlap: timedelta
) -> None:
    action = renewal(declared, world, dialect)
    assert (action.verb, action.overlap, action.cuts_off) == (Verb.REFRESH, overlap, not overlap)


# Keys that no consumer can hold.


@pytest.mark.parametrize("dialect", ["alpha", "beta"])
def test_a_key_whose_raw_key_was_never_delivered_needs_no_overlap(dialect: str) -> None:
    action = renewal({}, {"keys": [ours()], "intents": [make_intent()]}, dialect)
    assert (action.verb, action.overlap, action.cuts_off) == (Verb.REFRESH, timedelta(0), False)


def broken_off(**world: Any) -> dict[str, Any]:
    """Return a world in which a refresh of the current key broke off."""
    intent = make_intent(verb="refresh", key_id=KeyId("key-1"), alive_before=(KeyId("key-1"),))
    return {"keys": [ours(redacted="ak-oth...111")], "receipts": [recorded()], "intents": [intent], **world}


@pytest.mark.parametrize(
    ("dialect", "world", "verb", "overlap"),
    [
        pytest.param("alpha", {}, Verb.REFRESH, timedelta(0), id="alpha: the old raw key has stopped already"),
        pytest.param("beta", {}, Verb.REFRESH, DAY, id="beta: it may still work, by its grace"),
        pytest.param(
            "alpha", {"abilities": {"local": BLIND}}, Verb.REPLACE, DAY, id="alpha: a sink may hold the new raw key"
        ),
        pytest.param(
            "alpha",
            {
                "keys": [ours(redacted="")],
                "held": {slot_of(CI): Holding(present=True, receipt=recorded(), content=Content.MATCHES)},
            },
            Verb.REPLACE,
            DAY,
            id="alpha: nothing shows whether it has stopped",
        ),
    ],
)
def test_a_raw_key_that_a_refresh_has_ended_needs_no_overlap(
    dialect: str, world: dict[str, Any], verb: Verb, overlap: timedelta
) -> None:
    action = renewal({}, broken_off(**world), dialect)
    assert (action.verb, action.overlap, action.cuts_off) == (verb, overlap, False)


# What the user asks for.


@pytest.mark.parametrize("dialect", ["alpha", "beta"])
@pytest.mark.parametrize("rotation", [Rotation(), Rotation(overlap=48 * HOUR)])
def test_a_user_can_end_an_old_key_at_once(rotation: Rotation, dialect: str) -> None:
    action = renewal({"rotation": rotation}, CURRENT, dialect, rotate=(CI,), now=True)
    assert (action.verb, action.overlap, action.cuts_off) == (Verb.REFRESH, timedelta(0), True)


def test_older_keys_that_still_overlap_end_at_once_too() -> None:
    desired = make_desired()
    snapshot = situate(desired, dialect="alpha", **WITH_OLD_KEY)
    made = plan(snapshot, desired, rotate=(CI,))
    assert words(made) == ["replace requested key-1", "keep overlapping key-0"]
    made = plan(snapshot, desired, rotate=(CI,), now=True)
    assert words(made) == ["refresh requested key-1", "delete superseded key-0"]
    assert [action.cuts_off for action in made.actions] == [True, True]
    assert made.actions[1].explanation == "the user asked for it"


def test_only_what_is_asked_for_ends_at_once() -> None:
    desired = (make_desired(description="new"), make_desired("cd", description="new"))
    keys = [ours(), ours("key-2", desired[1].address, name="cd")]
    receipts = [recorded(), recorded("key-2", desired[1].address, name="cd")]
    made = plan(situate(*desired, keys=keys, receipts=receipts), *desired, rotate=(CI,), now=True)
    assert {action.address: action.cuts_off for action in made.actions} == {"user/cd": False, "user/ci": True}
