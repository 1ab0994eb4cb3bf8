"""Who keyplan is at the provider, and whose marks count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from planner.situations import ours, recorded, situate, slot_of
from samples import CREATOR, IDENTITY, LINEAGE, make_desired, make_observation
from scenario import make_manifest
from simulator import LAWS

from keyplan.model.identity import NO_USER, Address, Identity, KeyId, Lineage, ManifestId, UserId
from keyplan.model.manifest import KeyType, ProviderSettings
from keyplan.model.observation import Holding, Marker
from keyplan.planner.authority import Authority, CreatorSource, find_creators, name_manifest

ADA, BOB = UserId("ada"), UserId("bob")
CI = Address("user/ci")


def learn(*creators: UserId, **world: Any) -> dict[UserId, CreatorSource]:
    manifest = make_manifest(provider=ProviderSettings(creators=creators))
    return dict(find_creators(manifest, situate(**world), manifest.provider))


def user_key(key_id: str, creator: UserId, **changes: Any) -> Any:
    return make_observation(key_id, created_by=creator, **changes)


def presented(*key_ids: str) -> dict[str, Any]:
    return {"own_keys": frozenset(map(KeyId, key_ids))}


@pytest.mark.parametrize(
    ("world", "creators"),
    [
        pytest.param({"keys": [user_key("1", ADA)], **presented("1")}, {ADA: CreatorSource.CREDENTIAL}, id="its key"),
        pytest.param(
            {"keys": [user_key("1", ADA), user_key("2", BOB)], **presented("1")},
            {ADA: CreatorSource.CREDENTIAL},
            id="its key, beside those of others",
        ),
        pytest.param(
            {"keys": [user_key("1", ADA, key_type=KeyType.SERVICE, acts_as=BOB)], **presented("1")},
            {ADA: CreatorSource.CREDENTIAL, BOB: CreatorSource.CREDENTIAL},
            id="a service key acts as another user",
        ),
        pytest.param(
            {"keys": [user_key("1", ADA), user_key("2", BOB)], **presented("1", "2")},
            {},
            id="keys of two users look like it",
        ),
        pytest.param({"keys": [user_key("1", ADA)]}, {ADA: CreatorSource.LISTING}, id="the only user of the listing"),
        pytest.param({"keys": [user_key("1", ADA), user_key("2", BOB)]}, {}, id="two users in the listing"),
        pytest.param({"keys": [user_key("1", NO_USER)]}, {}, id="a listing that shows no creators"),
        pytest.param({"keys": [user_key("1", ADA, key_type=KeyType.SERVICE)]}, {}, id="service keys say nothing"),
        pytest.param(
            {"keys": [user_key("1", NO_USER)], **presented("1")}, {}, id="its key is listed without a creator"
        ),
    ],
)
def test_the_user_of_the_credential_is_learned_from_what_is_listed(
    world: dict[str, Any], creators: dict[UserId, CreatorSource]
) -> None:
    assert learn(**world) == creators


def test_the_ledger_knows_whom_answers_to_our_creates_named() -> None:
    assert learn(receipts=[recorded(creator=BOB)]) == {BOB: CreatorSource.LEDGER}


@pytest.mark.parametrize(
    "receipts",
    [
        pytest.param([recorded()], id="a key that keyplan did not create"),
        pytest.param([recorded(creator=BOB, owner="other-team")], id="another owner's"),
        pytest.param([recorded(creator=BOB, manifest_id="k2")], id="another manifest's"),
    ],
)
def test_other_receipts_of_a_ledger_name_no_creator(receipts: list[Any]) -> None:
    assert learn(receipts=receipts) == {}


def test_a_receipt_in_a_sink_makes_nobody_one_of_ours() -> None:
    held = {slot_of(CI): Holding(present=True, receipt=recorded(creator=BOB))}
    assert dict(find_creators(make_manifest(), situate(make_desired(), held=held), ProviderSettings())) == {}


def test_the_manifest_may_name_further_creators() -> None:
    assert learn(BOB, keys=[user_key("1", ADA)]) == {ADA: CreatorSource.LISTING, BOB: CreatorSource.MANIFEST}


def test_a_marker_counts_if_one_of_ours_made_the_key_or_if_the_provider_vouches_for_marks() -> None:
    authority = Authority(lineage=LINEAGE, creators={CREATOR: CreatorSource.MANIFEST})
    assert authority.made(ours())
    assert not authority.made(ours(created_by=BOB))
    laws = replace(LAWS["beta"], marks_prove_creator=True)
    trusting = Authority.of(make_manifest(), situate(keys=[], laws=laws))
    assert (trusting.made(ours(created_by=BOB)), trusting.knows_creators) == (True, True)


def test_only_a_stranger_who_is_shown_is_certainly_none_of_ours() -> None:
    authority = Authority(lineage=LINEAGE, creators={CREATOR: CreatorSource.MANIFEST})
    assert not authority.may_have_made(ours(created_by=BOB))
    assert authority.may_have_made(ours(created_by=NO_USER))
    assert Authority(lineage=LINEAGE, creators={}).may_have_made(ours(created_by=BOB))


@pytest.mark.parametrize(
    ("identity", "is_ambiguous"),
    [
        pytest.param(IDENTITY, False, id="with an id"),
        pytest.param(Identity("ml-platform"), True, id="without an id"),
        pytest.param(Identity("ml-team"), False, id="a former owner that is named without an id"),
    ],
)
def test_a_marker_without_an_id_may_be_another_manifests(identity: Identity, is_ambiguous: bool) -> None:
    lineage = Lineage(identity=IDENTITY, formerly=(Identity("ml-team"),))
    authority = Authority(lineage=lineage, creators={})
    assert authority.is_ambiguous(Marker.of(identity, CI)) is is_ambiguous


def test_another_manifest_is_named_by_owner_and_id() -> None:
    assert name_manifest(Identity("other-team")) == "owner other-team"
    assert name_manifest(Identity("other-team", ManifestId("k2"))) == "owner other-team (id k2)"
