"""A declaration that says which key it is: row 1b of docs/planning.md."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from planner.situations import CI, DAY, HOUR, LATER, holding, ours, plan, recorded, situate, slot_of, words
from samples import NOW, make_desired, make_desired_service, make_intent, make_observation
from simulator import make_space

from keyplan.documents.plan import digest
from keyplan.model.identity import Identity, KeyId, ScopeId
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
        "key-7", name="ingest", key_type=KeyType.SERVICE, scope_ids=frozenset({ScopeId("space-staging")})
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


OTHER = make_observation("key-8", redacted="ak-oth...her")
NONE: dict[Any, Any] = {slot_of(CI): Holding(present=False)}


def match(*key_ids: str) -> dict[str, Any]:
    return {"matches": {slot_of(CI): frozenset(map(KeyId, key_ids))}}


def give(*key_ids: str) -> dict[str, Any]:
    return {"given": {CI: frozenset(map(KeyId, key_ids))}}


@pytest.mark.parametrize(
    ("world", "reason", "says"),
    [
        pytest.param({"held": NONE}, "import_unheld", "local:secrets/user/ci holds no value", id="nothing"),
        pytest.param(
            {"held": HELD, **match()}, "import_mismatch", "secrets/user/ci holds another value", id="another value"
        ),
        pytest.param(
            {"held": HELD, **match("key-8")},
            "import_mismatch",
            "secrets/user/ci holds the raw key of key-8",
            id="a namesake's",
        ),
        pytest.param(
            {"held": NONE, **give()},
            "import_mismatch",
            "the value that was given is not the raw key",
            id="a wrong value",
        ),
    ],
)
def test_an_import_says_what_is_missing(world: dict[str, Any], reason: str, says: str) -> None:
    desired = declare()
    (action,) = plan(situate(desired, keys=[BY_HAND, OTHER], **world), desired).actions
    assert action.blocked
    assert (action.verb.value, action.reason.value, action.blocked.guard.value) == ("import", reason, "import")
    assert says in action.blocked.advice


@pytest.mark.parametrize(
    "world", [pytest.param({"held": HELD, **match()}, id="held"), pytest.param({"held": NONE, **give()}, id="given")]
)
def test_a_key_of_which_nothing_is_shown_is_told_to_be_renewed(world: dict[str, Any]) -> None:
    """No value can be compared with it, so none is said to be another key's."""
    desired = declare()
    (action,) = plan(situate(desired, keys=[replace(BY_HAND, redacted="")], **world), desired).actions
    assert action.blocked
    assert action.reason.value == "import_mismatch"
    assert "the provider shows nothing of the raw key of key-7" in action.blocked.advice
    assert "adopt: replace for a new key" in action.blocked.advice


def test_a_value_that_was_given_fills_what_is_empty_and_the_digest_does_not_depend_on_it() -> None:
    desired = declare()
    without = plan(situate(desired, keys=[BY_HAND], held=NONE), desired)
    made = plan(situate(desired, keys=[BY_HAND], held=NONE, **give("key-7")), desired)
    assert (words(without), words(made)) == (["import: import import_unheld key-7"], ["import imported key-7"])
    assert made.actions[0].consequences == ("the value that was given is written there",)
    assert digest(without) == digest(made)
    assert without.is_approvable


def test_a_value_that_is_not_needed_changes_nothing() -> None:
    desired = declare()
    made = plan(situate(desired, keys=[BY_HAND], held=HELD, **match("key-7"), **give()), desired)
    assert (words(made), made.actions[0].consequences) == (["import imported key-7"], ())


def test_a_value_of_others_is_written_over_only_if_the_sink_says_so() -> None:
    desired = declare()
    snapshot = situate(desired, keys=[BY_HAND], held=HELD, **match(), **give("key-7"))
    assert words(plan(snapshot, desired)) == ["import: import import_mismatch key-7"]
    slot = replace(slot_of(CI), options={"overwrite": True})
    assert words(plan(replace(snapshot, slots={CI: (slot,)}), desired)) == ["import imported key-7"]


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        pytest.param({"revoked": (make_observation("key-7", active=False),)}, "import_gone", id="it was ended"),
        pytest.param({"keys": [make_observation("key-7", expires_at=LATER)]}, "import_gone", id="it has expired"),
        pytest.param({}, "import_unseen", id="it is not shown at all"),
    ],
)
def test_a_key_that_does_not_live_has_its_own_reason(world: dict[str, Any], reason: str) -> None:
    desired = declare()
    assert words(plan(situate(desired, held=HELD, **world), desired)) == [f"import: create {reason} key-7"]


def test_the_named_key_is_replaced_and_stays_unless_it_is_to_be_retired() -> None:
    beside = declare(adopt=Adopt.REPLACE)
    (action,) = plan(situate(beside, keys=[BY_HAND], held=NONE), beside).actions
    assert (action.verb.value, action.reason.value, action.key_id) == ("create", "adopted", None)
    assert action.notes == ("key key-7 stays as it is: with retire_adopted: true it ends after the overlap",)
    retired = declare(adopt=Adopt.REPLACE, retire_adopted=True)
    (action,) = plan(situate(retired, keys=[BY_HAND], held=NONE), retired).actions
    assert (action.verb.value, action.reason.value, action.key_id) == ("replace", "adopted", "key-7")
    assert action.overlap


def test_the_key_beside_the_new_one_stays_when_the_overlap_is_over() -> None:
    beside = declare(adopt=Adopt.REPLACE)
    later = {"now": LATER + 30 * DAY}
    made = plan(situate(beside, keys=[BY_HAND, ours()], receipts=[recorded()], **later), beside)
    assert (words(made), [view.id for view in made.unmanaged]) == (["keep up_to_date key-1"], ["key-7"])


def test_a_successor_that_an_interrupted_run_made_is_finished() -> None:
    retired = declare(adopt=Adopt.REPLACE, retire_adopted=True)
    intent = make_intent(alive_before=(KeyId("key-7"),), key_id=KeyId("key-7"), verb="replace")
    alone = situate(retired, keys=[BY_HAND], intents=[intent], held=NONE)
    assert words(plan(alone, retired)) == ["replace adopted key-7"]
    both = situate(retired, keys=[BY_HAND, ours(created_at=LATER)], intents=[intent], held=NONE)
    assert "delete" not in " ".join(words(plan(both, retired)))


def test_the_named_key_is_refreshed() -> None:
    desired = declare(adopt=Adopt.REFRESH)
    assert words(plan(situate(desired, keys=[BY_HAND], held=NONE), desired)) == ["refresh adopted key-7"]
    other = declare(adopt=Adopt.REFRESH, description="new")
    (action,) = plan(situate(other, keys=[BY_HAND], held=NONE), other).actions
    assert action.blocked
    assert "adopt: refresh is not possible" in action.blocked.advice


def test_an_interrupted_refresh_is_finished_as_any_other() -> None:
    desired = declare(adopt=Adopt.REFRESH)
    intent = make_intent(alive_before=(KeyId("key-7"),), key_id=KeyId("key-7"), verb="refresh")
    made = plan(situate(desired, keys=[BY_HAND], intents=[intent], held=NONE), desired)
    assert [action.reason.value for action in made.actions] == ["unfinished"]


def test_an_interrupted_import_goes_on_and_renews_nothing() -> None:
    desired = declare()
    intent = make_intent(alive_before=(KeyId("key-7"),), key_id=None, verb="import")
    held = {slot_of(CI): holding(recorded("key-7"))}
    snapshot = situate(desired, keys=[BY_HAND], intents=[intent], held=held)
    assert words(plan(snapshot, desired)) == ["import imported key-7"]
    by_name = make_desired(adopt=Adopt.IMPORT)
    assert words(plan(snapshot, by_name)) == ["import imported key-7"]
    assert words(plan(situate(by_name, intents=[intent], held=NONE), by_name)) == ["create absent"]


def test_a_key_is_found_by_its_name_and_told_from_namesakes_by_what_the_places_hold() -> None:
    desired = make_desired(adopt=Adopt.IMPORT)
    assert words(plan(situate(desired, keys=[BY_HAND], held=HELD), desired)) == ["import imported key-7"]
    both = [BY_HAND, OTHER]
    held = situate(desired, keys=both, held=HELD, **match("key-8"))
    assert words(plan(held, desired)) == ["import imported key-8"]
    (action,) = plan(situate(desired, keys=both, held=HELD), desired).actions
    assert action.blocked
    assert "`import: key-7` (created " in action.blocked.advice


def test_a_place_of_another_manifest_is_not_imported() -> None:
    desired = declare()
    held = {slot_of(CI): Holding(present=True, owner=Identity("theirs"))}
    made = plan(situate(desired, keys=[BY_HAND], held=held), desired)
    assert words(made) == ["receipt_not_believed: import receipt_not_believed key-7"]


def test_what_an_interrupted_run_began_beside_an_imported_key_is_finished_first() -> None:
    desired = declare(adopt=Adopt.REPLACE)
    begun = make_intent(alive_before=(KeyId("key-7"),))
    made = plan(situate(desired, keys=[BY_HAND, ours("key-8")], intents=[begun], held=HELD), desired)
    assert words(made) == ["refresh unfinished key-8"]


def test_after_a_new_key_was_delivered_beside_it_the_imported_key_is_left() -> None:
    desired = declare(adopt=Adopt.REPLACE)
    made = plan(situate(desired, keys=[BY_HAND], receipts=[recorded("key-8")], held={}), desired)
    assert words(made) == ["create gone"]
