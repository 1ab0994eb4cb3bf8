"""The names of objects are safe, tell everything apart, and are in an order that saves reads."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from keyplan.ledgers.s3.layout import Layout, name_folder
from keyplan.model.identity import Address, Identity, ManifestId

LAYOUT = Layout("keyplan/ml.k1.0/")
SAFE = re.compile(r"[A-Za-z0-9._/-]+")


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_addresses_never_share_an_object(one: str, other: str) -> None:
    keys = {LAYOUT.address(Address(one)), LAYOUT.address(Address(other))}
    assert len(keys) == len({one, other})
    for key in keys:
        assert SAFE.fullmatch(key)
        assert key.count("/") == LAYOUT.addresses.count("/")
        assert ".." not in key
        assert len(key) < 200


def test_a_folder_is_of_one_manifest_at_one_account() -> None:
    identities = [Identity("ml"), Identity("ml", ManifestId("k1")), Identity("ml", ManifestId("k2")), Identity("ml.k1")]
    folders = {name_folder("p/", one, account) for one in identities for account in ("https://a", "https://b")}
    assert len(folders) == 8
    assert name_folder("p/", Identity("ml", ManifestId("k1")), "https://a").startswith("p/ml.k1.")


def test_the_latest_apply_is_listed_first() -> None:
    keys = [LAYOUT.apply(number) for number in (1, 2, 10, 999_999)]
    assert sorted(keys) == keys[::-1]
    assert [LAYOUT.number_of(key) for key in keys] == [1, 2, 10, 999_999]
