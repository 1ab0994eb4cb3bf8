"""Whose a place is, from all that may be marked there."""

from __future__ import annotations

import pytest
from samples import FORMER, IDENTITY, LINEAGE, ORIGIN, OWNER, RENAMED_LINEAGE, make_intent, make_receipt

from keyplan.model.identity import Address, Identity, Lineage, ManifestId
from keyplan.model.intent import Intent
from keyplan.model.receipt import Receipt
from keyplan.sinks.marks import explain_other_manifest, find_other_manifest, is_own_owner
from keyplan.sinks.notes import Entry

OTHER = Identity(OWNER, ManifestId("an0ther"))
ANOTHER_TEAM = Identity("another-team", ManifestId("an0ther"))


def receipt_of(identity: Identity, address: str = "user/ci") -> Receipt:
    return make_receipt(owner=identity.owner, manifest_id=identity.id, address=Address(address))


def intent_of(identity: Identity, address: str = "user/ci") -> Intent:
    return make_intent(owner=identity.owner, manifest_id=identity.id, address=Address(address))


@pytest.mark.parametrize(
    ("entry", "mark"),
    [
        pytest.param(None, "", id="nothing is marked"),
        pytest.param(None, OWNER, id="an object of ours"),
        pytest.param(None, FORMER.owner, id="an object of a former owner"),
        pytest.param(None, ORIGIN.identity.owner, id="an object of an origin's owner"),
        pytest.param(Entry(owner=FORMER.owner), "", id="a bare mark of a former owner"),
        pytest.param(Entry(owner=OWNER, receipt=receipt_of(IDENTITY)), "", id="our receipt"),
        pytest.param(Entry(owner=OWNER, receipt=receipt_of(Identity(OWNER))), "", id="our receipt without an id"),
        pytest.param(
            Entry(owner=FORMER.owner, receipt=receipt_of(FORMER), intent=intent_of(IDENTITY)), "", id="taking over"
        ),
        pytest.param(Entry(owner=OWNER, receipt=receipt_of(FORMER)), "", id="an object whose mark came first"),
        pytest.param(
            Entry(owner="data-team", receipt=receipt_of(ORIGIN.identity, ORIGIN.address)), "", id="an origin's receipt"
        ),
    ],
)
def test_what_only_bears_our_marks_is_ours(entry: Entry | None, mark: str) -> None:
    assert find_other_manifest(RENAMED_LINEAGE, entry, mark=mark) is None


@pytest.mark.parametrize(
    ("entry", "mark", "other"),
    [
        pytest.param(None, "another-team", Identity("another-team"), id="an object's mark"),
        pytest.param(Entry(owner="another-team"), "", Identity("another-team"), id="a bare mark"),
        pytest.param(
            Entry(owner="another-team", receipt=receipt_of(IDENTITY)),
            "",
            Identity("another-team"),
            id="our receipt under another's mark",
        ),
        pytest.param(
            Entry(owner=OWNER, receipt=receipt_of(ANOTHER_TEAM)), "", ANOTHER_TEAM, id="another's receipt under ours"
        ),
        pytest.param(Entry(owner=OWNER, receipt=receipt_of(OTHER)), "", OTHER, id="another manifest of our owner"),
        pytest.param(
            Entry(owner=OWNER, receipt=receipt_of(IDENTITY), intent=intent_of(OTHER)), "", OTHER, id="another's intent"
        ),
        pytest.param(
            Entry(owner=OWNER, receipt=receipt_of(IDENTITY)),
            "another-team",
            Identity("another-team"),
            id="in another's object",
        ),
        pytest.param(
            Entry(owner="data-team", receipt=receipt_of(ORIGIN.identity, "user/another")),
            "",
            ORIGIN.identity,
            id="another address of an origin's manifest",
        ),
    ],
)
def test_one_mark_of_another_manifest_is_enough(entry: Entry | None, mark: str, other: Identity) -> None:
    assert find_other_manifest(RENAMED_LINEAGE, entry, mark=mark) == other


def test_without_a_past_a_former_owner_is_another() -> None:
    assert find_other_manifest(LINEAGE, Entry(owner=FORMER.owner, receipt=receipt_of(FORMER))) == FORMER
    assert not is_own_owner(LINEAGE, FORMER.owner)


def test_a_manifest_without_an_id_does_not_take_what_one_with_an_id_marked() -> None:
    lineage = Lineage(identity=Identity(OWNER))
    assert find_other_manifest(lineage, Entry(owner=OWNER, receipt=receipt_of(IDENTITY))) == IDENTITY


@pytest.mark.parametrize(("other", "named"), [(OTHER, "'ml-platform' (id 'an0ther')"), (Identity("x"), "'x'")])
def test_the_refusal_names_the_other_manifest_and_what_to_do(other: Identity, named: str) -> None:
    error = explain_other_manifest("ci.key", other)
    assert error.message == f"ci.key: belongs to the manifest of {named}"
    assert "formerly" in error.advice
    assert "moved_from" in error.advice
