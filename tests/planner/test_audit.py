"""What a log says beside the findings of a drift, and which keys it is asked about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from audited import ENTRY
from drifts import ACCEPTED, DUE, GONE, STRANGER, make_drift
from plans import NOW
from samples import make_desired, make_observation, make_receipt
from scenario import make_manifest

from keyplan.errors import InputError
from keyplan.model.audit import AuditedKey, AuditEntry, AuditLog
from keyplan.model.drift import Cause, Drift, DriftFinding
from keyplan.model.history import AppliedAction, HistoryEntry
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Snapshot
from keyplan.model.receipt import Receipt, Superseded
from keyplan.planner.audit import explain_drift, list_audited_keys, list_explicable
from keyplan.planner.authority import Authority
from keyplan.planner.ownership import Ownership, assign_ownership
from keyplan.simulated.records import LAWS

KEY = KeyId("key-1")
HOUR = timedelta(hours=1)


def receipt(key_id: str = "key-1", **changes: object) -> Receipt:
    """Return the ledger's receipt of user/ci."""
    return replace(make_receipt(), address=Address("user/ci"), key_id=KeyId(key_id), **changes)  # type: ignore[arg-type]  # fields by name


def snapshot(*receipts: Receipt) -> Snapshot:
    """Return a snapshot in which the ledger knows these."""
    return Snapshot(now=NOW, provider="https://api.arize.test", laws=LAWS["beta"], keys=(), receipts=receipts)


def explain(finding: DriftFinding, *entries: AuditEntry, receipts: tuple[Receipt, ...] = ()) -> tuple[AuditEntry, ...]:
    """Return what is shown beside a finding."""
    found = explain_drift(make_drift(finding), AuditLog(entries=entries, read=9), snapshot(*receipts))
    assert found.audit is not None
    assert found.audit.is_read
    return found.findings[0].audit


@pytest.mark.parametrize(
    ("drift", "asked"),
    [
        pytest.param(make_drift(GONE), {KEY}, id="an alarm that a change at the provider explains"),
        pytest.param(make_drift(DUE, STRANGER), set(), id="what no change there explains"),
        pytest.param(make_drift(replace(GONE, waiver=ACCEPTED.waiver)), set(), id="what is accepted"),
        pytest.param(make_drift(replace(GONE, is_report_only=True)), set(), id="what is only shown"),
        pytest.param(make_drift(replace(GONE, key_id=None)), set(), id="no key"),
        pytest.param(make_drift(replace(GONE, cause=Cause.SINK_LOST)), set(), id="a change in a sink"),
    ],
)
def test_the_log_is_asked_only_about_what_it_can_explain(drift: Drift, asked: set[KeyId]) -> None:
    assert list_explicable(drift) == asked


def test_the_entries_about_the_key_stand_beside_its_finding_and_no_more_than_three() -> None:
    other = replace(ENTRY, key_ids=(KeyId("key-9"),))
    assert explain(GONE, other, *[ENTRY] * 5) == (ENTRY,) * 3


@pytest.mark.parametrize("finding", [DUE, STRANGER, replace(GONE, waiver=ACCEPTED.waiver)])
def test_no_other_finding_has_an_entry(finding: DriftFinding) -> None:
    assert explain(finding, replace(ENTRY, key_ids=(finding.key_id or KEY,))) == ()


@pytest.mark.parametrize(
    ("at", "is_shown"),
    [
        pytest.param(NOW - HOUR, True, id="after the delivery"),
        pytest.param(NOW - 2 * HOUR, True, id="in the second of the delivery"),
        pytest.param(NOW - 3 * HOUR, False, id="before it: what keyplan itself did"),
        pytest.param(None, False, id="at an unknown time"),
    ],
)
def test_only_what_came_after_the_delivery_explains_a_finding(at: object, is_shown: bool) -> None:
    entry = replace(ENTRY, at=at)  # type: ignore[arg-type]  # a row of the table
    delivered = receipt(delivered_at=NOW - 2 * HOUR + timedelta(milliseconds=400))
    assert bool(explain(GONE, entry, receipts=(delivered,))) is is_shown


def test_without_a_receipt_every_entry_of_the_key_counts() -> None:
    undated = replace(ENTRY, at=None)
    assert explain(GONE, undated) == (undated,)


def own(**known: object) -> Ownership:
    """Return the ownership of user/ci in a world."""
    world = replace(snapshot(), **known)  # type: ignore[arg-type]  # fields by name
    desired = make_desired("ci")
    manifest = make_manifest(desired.declaration)
    return assign_ownership((desired,), world, authority=Authority.of(manifest, world))


def test_all_keys_that_are_or_were_the_manifests_are_looked_for() -> None:
    old = Superseded(key_id=KeyId("key-0"), switched_at=NOW, delete_after=NOW)
    done = AppliedAction(
        address=Address("user/gone"), verb="delete", reason="undeclared", status="done", key_id=KeyId("key-x")
    )
    entry = HistoryEntry(
        digest="d", started_at=NOW, finished_at=NOW, added=0, changed=0, destroyed=1, failed=0, actions=(done,)
    )
    live = make_observation("key-1")
    found = list_audited_keys(own(keys=(live,), receipts=(receipt(superseded=(old,)),)), [entry], ())
    assert found == (
        AuditedKey(id=KeyId("key-0"), address=Address("user/ci")),
        AuditedKey(id=KeyId("key-1"), address=Address("user/ci")),
        AuditedKey(id=KeyId("key-x"), address=Address("user/gone")),
    )


def test_keys_without_a_declaration_and_those_that_it_names_are_among_them() -> None:
    undeclared = [
        replace(receipt(key_id), address=Address(f"user/{key_id}"), name="old") for key_id in ("key-alive", "key-dead")
    ]
    desired = make_desired("ci", import_id=KeyId("key-named"))
    world = replace(snapshot(*undeclared), keys=(make_observation("key-alive", name="old"),))
    authority = Authority.of(make_manifest(desired.declaration), world)
    found = list_audited_keys(assign_ownership((desired,), world, authority=authority), (), ())
    assert {key.id: key.address for key in found} == {
        "key-alive": "user/key-alive",
        "key-dead": "user/key-dead",
        "key-named": "user/ci",
    }


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        pytest.param("user/ci", AuditedKey(id=KEY, address=Address("user/ci")), id="an address"),
        pytest.param("user/*", AuditedKey(id=KEY, address=Address("user/ci")), id="a glob"),
        pytest.param("key-1", AuditedKey(id=KEY, address=Address("user/ci")), id="a known id"),
        pytest.param("key/9=", AuditedKey(id=KeyId("key/9="), address=None), id="any other id"),
    ],
)
def test_a_subject_is_an_address_a_glob_or_an_id(subject: str, found: AuditedKey) -> None:
    assert list_audited_keys(own(receipts=(receipt(),)), (), (subject,)) == (found,)


@pytest.mark.parametrize("subject", [f"{KeyType.USER.value}/nobody", "service/production/x"])
def test_an_address_that_means_no_key_is_wrong_input(subject: str) -> None:
    with pytest.raises(InputError, match="no key is known"):
        list_audited_keys(own(receipts=(receipt(),)), (), (subject,))
