"""A declaration that says which key it is: row 1b of docs/planning.md."""

from __future__ import annotations

from typing import Any

import pytest
from planner.situations import CI, HOUR, LATER, holding, ours, plan, recorded, situate, slot_of, words
from samples import NOW, make_desired, make_desired_service, make_intent, make_observation
from simulator import make_space

from keyplan.model.identity import KeyId, SpaceId
from keyplan.model.manifest import Adopt, KeyType, Rotation
from keyplan.model.observation import Holding, Marker

BY_HAND = make_observation("key-7")
HELD = {slot_of(CI): Holding(present=True)}


def declare(**changes: Any) -> Any:
    return make_desired(import_id=KeyId("key-7"), **changes)


def test_a_key_that_the_declaration_names_is_imported_and_nothing_else_happens_to_it() -> None:
    desired = declare()
    made = plan(situate(desired, keys=[BY_HAND], held=HELD), desired)
    assert words(made) == ["import imported key-7"]
    assert (made.summary.imported, made.summary.add, made.summary.destroy) == (1, 0, 0)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        pytest.param(make_observation("key-7", name="other"), "its name is 'other', declared is 'ci'", id="name"),
        pytest.param(make_observation("key-7", key_type=KeyType.SERVICE), "its type is service", id="type"),
        pytest.param(make_observation("key-7", key_type=None), "its type is unknown", id="a type nobody knows"),
        pytest.param(make_observation("key-7", expires_at=LATER), "the key has ended", id="it has expired"),
        pytest.param(make_observation("key-8"), "does not show this key as active", id="another key"),
        pytest.param(
            make_observation("key-7", marker=Marker("other-team", "0123456789")),
            "carries the marker of owner other-team",
            id="another manifest's",
        ),
    ],
)
def test_a_key_that_does_not_fit_is_not_imported(key: Any, says: str) -> None:
    desired = declare(adopt=Adopt.REPLACE)
    (action,) = plan(situate(desired, keys=[key], held=HELD), desired).actions
    assert action.blocked
    assert (action.blocked.guard.value, says in action.blocked.advice) == ("import", True)


def test_a_key_of_another_space_is_not_imported() -> None:
    desired = make_desired_service(make_space("production"), import_id=KeyId("key-7"))
    key = make_observation(
        "key-7", name="ingest", key_type=KeyType.SERVICE, space_ids=frozenset({SpaceId("space-staging")})
    )
    (action,) = plan(situate(desired, keys=[key], held={}), desired).actions
    assert action.blocked
    assert "it is of another space (space-staging)" in action.blocked.advice


def test_a_run_that_did_not_finish_comes_before_an_import() -> None:
    desired = declare()
    (action,) = plan(situate(desired, keys=[BY_HAND], intents=[make_intent()], held=HELD), desired).actions
    assert action.blocked
    assert "an earlier run for this address did not finish" in action.blocked.advice


def test_an_imported_key_that_is_recorded_is_kept() -> None:
    desired = declare()
    receipt = recorded("key-7", fingerprint=None)
    assert words(plan(situate(desired, keys=[BY_HAND], receipts=[receipt]), desired)) == ["keep up_to_date key-7"]


def test_with_the_line_a_receipt_beside_the_secret_is_believed_without_ledger() -> None:
    desired = declare()
    receipt = recorded("key-7")
    snapshot = situate(desired, keys=[BY_HAND], held={slot_of(CI): holding(receipt)})
    assert words(plan(snapshot, desired)) == ["keep up_to_date key-7"]


def test_an_imported_key_is_replaced_so_that_the_next_one_carries_a_marker() -> None:
    desired = declare(rotation=Rotation(every=HOUR))
    receipt = recorded("key-7", fingerprint=None)
    assert words(plan(situate(desired, keys=[BY_HAND], receipts=[receipt]), desired)) == ["replace too_old key-7"]


def test_a_line_that_has_done_its_work_is_named() -> None:
    desired = declare()
    made = plan(situate(desired, keys=[ours(created_at=NOW)], receipts=[recorded()]), desired)
    assert words(made) == ["keep up_to_date key-1"]
    assert made.warnings == ("user/ci: `import: key-7` has done its work and can be removed from the manifest",)
