"""Whose ledger a folder of a bucket is: many manifests share a bucket, and none reads another's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ledgers.s3.buckets import Bucket

from keyplan.errors import LedgerDamagedError, LedgerError, LedgerForeignError
from keyplan.model.identity import Address, Identity, Lineage, ManifestId
from keyplan.model.ledger import Memory
from keyplan.testing.samples import FORMER, IDENTITY, LINEAGE, RENAMED_LINEAGE, make_receipt

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

OTHER = Lineage(identity=Identity("data-team", ManifestId("d4tateam")))


def test_many_manifests_share_a_bucket(bucket: Bucket) -> None:
    ours, theirs = bucket.open(lineage=LINEAGE), bucket.open(lineage=OTHER)
    ours.record(make_receipt())
    theirs.record(make_receipt(generation=7))
    assert bucket.open(lineage=LINEAGE).recall().receipts == (make_receipt(),)
    assert bucket.open(lineage=OTHER).recall().receipts == (make_receipt(generation=7),)
    folders = {key.split("/")[1] for key in bucket.list_keys()}
    assert sorted(folder.rpartition(".")[0] for folder in folders) == ["data-team.d4tateam", "ml-platform.k7f3a9c2"]


def test_a_former_name_has_no_ledger_any_longer_once_it_is_taken_over(bucket: Bucket) -> None:
    bucket.open(lineage=Lineage(identity=FORMER)).record(make_receipt())
    bucket.open(lineage=RENAMED_LINEAGE).forget(Address("user/never-there"))
    with pytest.raises(LedgerForeignError, match="was taken over by the manifest 'ml-platform:k7f3a9c2'") as caught:
        bucket.open(lineage=Lineage(identity=FORMER)).recall()
    assert "formerly: [{owner: ml-platform, id: k7f3a9c2}]" in caught.value.advice


def test_a_manifest_that_lost_its_id_is_told_which_one(bucket: Bucket) -> None:
    without = Lineage(identity=Identity(IDENTITY.owner))
    bucket.open(lineage=without).record(make_receipt())
    bucket.open(lineage=LINEAGE).forget(Address("user/never-there"))
    with pytest.raises(LedgerForeignError) as caught:
        bucket.open(lineage=without).recall()
    assert caught.value.advice.endswith("add the line: id: k7f3a9c2")


def test_a_takeover_that_was_interrupted_goes_on(bucket: Bucket) -> None:
    bucket.open(lineage=Lineage(identity=FORMER)).record(make_receipt())
    renamed = bucket.open(lineage=RENAMED_LINEAGE)
    renamed.recall()
    folder = "/ml-platform.k7f3a9c2."
    bucket.proxy.fail("denied", times=1, method="PUT", path=folder)
    with pytest.raises(LedgerError):
        renamed.record(make_receipt(generation=2))
    assert bucket.open(lineage=RENAMED_LINEAGE).recall().receipts == (make_receipt(),)
    bucket.open(lineage=RENAMED_LINEAGE).record(make_receipt(generation=2))
    assert bucket.open(lineage=LINEAGE).recall().receipts == (make_receipt(generation=2),)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        pytest.param({"format_version": 2}, LedgerError, "written by a newer keyplan", id="newer"),
        pytest.param({"owner": "others"}, LedgerForeignError, "belongs to 'others:k7f3a9c2'", id="another owner"),
        pytest.param({"account": "https://x.test"}, LedgerForeignError, "at https://x.test", id="another account"),
        pytest.param({"folder": None, "moved_to": 3}, LedgerDamagedError, "is damaged", id="nonsense"),
    ],
)
def test_a_copied_or_changed_head_is_refused(
    bucket: Bucket, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    bucket.open().record(make_receipt())
    (key,) = [key for key in bucket.list_keys() if key.endswith("/ledger.json")]
    bucket.put(key, json.dumps({**json.loads(bucket.body(key)), **changes}).encode())
    for act in (bucket.open().recall, lambda: bucket.open().record(make_receipt())):
        with pytest.raises(error, match=message):
            act()


@pytest.mark.parametrize("part", ["/addresses/", "/ledger.json"])
@pytest.mark.parametrize("body", [b"", b"[1]", b"\xff", b'{"address": "user/else", "receipt": null, "intents": []}'])
def test_an_object_that_is_not_keyplan_s_is_told_of(bucket: Bucket, part: str, body: bytes) -> None:
    bucket.open().record(make_receipt())
    (key,) = [key for key in bucket.list_keys() if part in key]
    bucket.put(key, body)
    with pytest.raises(LedgerDamagedError, match="is not an object of a keyplan ledger"):
        bucket.open().recall()


def test_one_who_only_reads_leaves_nothing_behind(bucket: Bucket) -> None:
    reader = bucket.open_reader()
    assert (reader.recall(), reader.holder(), reader.spending("sha256:1"), list(reader.history())) == (
        Memory(),
        None,
        None,
        [],
    )
    assert bucket.list_keys() == []
