"""The JSON form of a leak fits its schema, and holds no raw key."""

from __future__ import annotations

import jsonschema
import pytest
from samples import NOW, make_observation

from keyplan.documents.leak import to_document
from keyplan.documents.schemas import load
from keyplan.model.identity import Address, KeyId
from keyplan.model.leak import Leak, LeakedKey, LeakProof, LeakStanding
from keyplan.model.observation import Marker


def make_leak(proof: LeakProof, standing: LeakStanding, alive: tuple[KeyId, ...] | None = None) -> Leak:
    key = make_observation("key-1", marker=Marker("ml-platform", "0123456789"), last_used_at=NOW, expires_at=NOW)
    one = LeakedKey(key=key, proof=proof, standing=standing, address=Address("user/ci"), places=("local:x",))
    bare = LeakedKey(key=make_observation("key-2", key_type=None), proof=proof, standing=standing)
    return Leak(owner="ml-platform", manifest="keys.yaml", found_at=NOW, keys=(one, bare), unknown=3, alive=alive)


@pytest.mark.parametrize("proof", LeakProof)
@pytest.mark.parametrize("standing", LeakStanding)
def test_it_fits_its_schema(proof: LeakProof, standing: LeakStanding) -> None:
    for alive in (None, (), (KeyId("key-1"),)):
        jsonschema.validate(to_document(make_leak(proof, standing, alive)), load("leak.v1"))


@pytest.mark.parametrize(
    ("proof", "is_proven"),
    [("fingerprint", True), ("authenticated", True), ("form", False), ("redacted", False)],
)
def test_only_a_raw_key_is_a_proof(proof: str, is_proven: bool) -> None:
    (one, _) = make_leak(LeakProof(proof), LeakStanding.OLD).keys
    assert (one.is_proven, one.is_live, one.is_ours) == (is_proven, True, True)


def test_a_dead_key_and_a_foreign_one_are_not_ours_to_renew() -> None:
    for standing, is_live in ((LeakStanding.DEAD, False), (LeakStanding.FOREIGN, True)):
        (one, _) = make_leak(LeakProof.FORM, standing).keys
        assert (one.is_live, one.is_ours) == (is_live, False)
