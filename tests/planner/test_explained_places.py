"""What places hold, in an explanation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from explanations import make_explainer
from planner.situations import CI, DAY, HOUR, holding, ours, recorded, situate, slot_of
from samples import LOCAL, NOW, OWNER, make_desired, make_history_entry, make_intent, make_runner
from scenario import make_manifest
from simulator import BLIND, FULL

from keyplan.model.explanation import Occurrence, PlaceState
from keyplan.model.history import AppliedAction, Author
from keyplan.model.identity import Address, Identity, KeyId, SinkName
from keyplan.model.observation import Content, Holding
from keyplan.model.receipt import UNKNOWN_TIME, Delivered, LeftPlace
from keyplan.planner.explained_places import describe_past, list_applies, list_recorded

SLOT = slot_of(CI)
UNASKED = replace(FULL, is_asked=False)
LEFT = LeftPlace(place=Delivered(LOCAL, "secrets/old"), empty_after=NOW + DAY)


@pytest.mark.parametrize(
    ("held", "ability", "state", "detail"),
    [
        (holding(recorded()), FULL, PlaceState.CURRENT, ""),
        (None, FULL, PlaceState.EMPTY, ""),
        (holding(recorded(), Content.DIFFERS), FULL, PlaceState.OTHER_VALUE, "another writer has changed it"),
        (holding(recorded(raw_text="another")), FULL, PlaceState.OTHER_VALUE, "an earlier raw key of key key-1"),
        (
            holding(recorded("key-0", delivered_at=NOW - HOUR)),
            FULL,
            PlaceState.OTHER_KEY,
            "it holds key key-0",
        ),
        (
            Holding(present=True, owner=Identity("other-team")),
            FULL,
            PlaceState.OTHER_WRITER,
            "it bears the mark of owner other-team",
        ),
        (holding(None), FULL, PlaceState.UNPROVEN, "no receipt stands beside it"),
        (holding(recorded(), changed_at=NOW), UNASKED, PlaceState.NOT_ASKED, ""),
        (holding(recorded(delivered_at=NOW + 2 * DAY)), FULL, PlaceState.NOT_BELIEVED, ""),
    ],
)
def test_each_place_says_what_it_holds(held: Any, ability: Any, state: PlaceState, detail: str) -> None:
    desired = make_desired()
    snapshot = situate(
        desired,
        keys=[ours()],
        receipts=[recorded(left=(LEFT,))],
        held={SLOT: held} if held else {},
        abilities={LOCAL: ability},
        revoked=(ours("key-0", active=False),),
    )
    place, left = make_explainer(make_manifest(desired.declaration), snapshot).explain(CI).places
    assert (place.location, place.state) == (str(SLOT), state)
    assert detail in place.detail
    assert (left.location, left.state) == ("local:secrets/old", PlaceState.LEFT)


def test_a_sink_that_keeps_no_receipts_proves_nothing_of_a_key_that_no_ledger_knows() -> None:
    desired = make_desired()
    snapshot = situate(desired, keys=[ours()], held={SLOT: Holding(present=True)}, abilities={LOCAL: BLIND})
    (place,) = make_explainer(make_manifest(desired.declaration), snapshot).explain(CI).places
    assert (place.state, place.detail) == (PlaceState.UNPROVEN, "its sink keeps no receipts")


def test_the_places_of_a_removed_declaration_are_those_of_its_receipt() -> None:
    assert [place.state for place in list_recorded(recorded(left=(LEFT,)))] == [PlaceState.NOT_ASKED, PlaceState.LEFT]
    assert list(list_recorded(None)) == []


def test_the_past_names_who_began_what() -> None:
    runner = make_runner()
    intent = make_intent(runner=runner, key_id=KeyId("key-1"))
    events = describe_past(replace(recorded(), delivered=()), [intent], [ours(created_at=UNKNOWN_TIME)])
    details = {event.occurrence: event.detail for event in events}
    assert f" by {runner.user} on {runner.host}, attempt 1" in details[Occurrence.BEGUN]
    assert details[Occurrence.DELIVERED] == "generation 1"


def test_the_past_has_what_applies_did_to_the_address_and_to_no_other() -> None:
    done = AppliedAction(address=CI, verb="create", reason="absent", status="done", key_id=KeyId("key-1"))
    other = replace(done, address=Address("user/other"))
    entry = make_history_entry(actions=(done, other), author=Author(name="ada", source="git"))
    (event,) = list_applies([entry], CI)
    assert (event.at, event.key_id) == (entry.finished_at, "key-1")
    assert event.detail == f"create (absent): done by ada, plan {entry.digest[:12]}"
    (unsigned,) = list_applies([replace(entry, author=None)], CI)
    assert " by " not in unsigned.detail
    assert event in describe_past(None, [], [], [event])


def test_dead_keys_of_others_are_no_part_of_the_past() -> None:
    assert describe_past(None, [], [ours("key-7", active=False)]) == ()
    (created,) = describe_past(None, [], [ours(created_by="")])
    assert created.detail == ""
    assert (OWNER, SinkName(LOCAL)) == (recorded().owner, LOCAL)
