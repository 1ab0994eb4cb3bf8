"""What people beside keyplan can bring about: forged receipts and intents, marks on keys, keys that are not seen.

Each function draws from every value that such a person could write; nothing here asks whether it makes sense.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from samples import IDENTITY, OWNER
from simulator import ME, World

from keyplan.model.identity import Address, Identity, KeyId, ManifestId, UserId
from keyplan.model.intent import Intent, IntentId
from keyplan.model.manifest import KeyType, OnRemove
from keyplan.model.observation import Marker
from keyplan.model.receipt import Receipt, Superseded
from keyplan.model.secret import Fingerprint, RawKey

MEMBER = UserId("VXNlcjoy")
"""A user who may create keys, and whom keyplan does not trust."""
UNKNOWN_KEY = KeyId("key-9999")
IDENTITIES = (
    IDENTITY,
    Identity(OWNER),
    Identity(OWNER, ManifestId("kother12")),
    Identity("other-team", ManifestId("kteam123")),
    Identity("other-team"),
)
ELSEWHERE = Address("user/elsewhere")
"""An address that the manifest does not have."""
SPANS = [timedelta(days=days) for days in (-4000, -30, -1)] + [timedelta(0)]
SPANS += [timedelta(minutes=3), timedelta(hours=1), timedelta(days=30), timedelta(days=4000)]


def times(now: datetime) -> st.SearchStrategy[datetime]:
    """Return instants long before, around and long after now."""
    return st.sampled_from([now + span for span in SPANS])


def keys(world: World) -> st.SearchStrategy[KeyId]:
    """Return ids of keys of anyone, live or dead, and one that never was."""
    return st.sampled_from([*sorted(world.provider.records), UNKNOWN_KEY])


def markers(addresses: tuple[Address, ...]) -> st.SearchStrategy[Marker | None]:
    """Return markers of any manifest for any address, and none."""
    marks = st.builds(Marker.of, st.sampled_from(IDENTITIES), st.sampled_from([*addresses, ELSEWHERE]))
    return st.none() | marks


def superseded(world: World, now: datetime) -> st.SearchStrategy[tuple[Superseded, ...]]:
    """Return old keys that never were this address's, or were, with any times."""
    one = st.builds(Superseded, key_id=keys(world), switched_at=times(now), delete_after=times(now))
    return st.lists(one, max_size=3).map(lambda found: tuple(sorted(found)))


def fingerprints(world: World) -> st.SearchStrategy[Fingerprint | None]:
    """Return fingerprints of raw keys that exist, and of one that does not."""
    raws = [record.raw for _, record in sorted(world.provider.records.items())]
    return st.none() | st.sampled_from([*raws, "ak-by-hand"]).map(lambda raw: RawKey(raw).fingerprint("salt"))


def forged_receipts(
    world: World, addresses: tuple[Address, ...], genuine: Receipt | None
) -> st.SearchStrategy[Receipt]:
    """Return receipts as such a person writes them: from nothing, or by changing a few fields of the genuine one."""
    now = world.clock.now()
    fields: dict[str, st.SearchStrategy[Any]] = {
        "owner": st.sampled_from([OWNER, "other-team"]),
        "manifest_id": st.sampled_from([identity.id for identity in IDENTITIES]),
        "address": st.sampled_from([*addresses, ELSEWHERE]),
        "key_id": keys(world),
        "creator": st.sampled_from([ME, MEMBER, UserId("")]),
        "name": st.sampled_from([address.rpartition("/")[2] for address in addresses]),
        "created_at": times(now),
        "expires_at": st.none() | times(now),
        "redacted": st.sampled_from(["", *(record.redacted for _, record in sorted(world.provider.records.items()))]),
        "fingerprint": fingerprints(world),
        "delivered_at": times(now),
        "protect": st.booleans(),
        "on_remove": st.sampled_from(OnRemove),
        "generation": st.integers(0, 3),
        "superseded": superseded(world, now),
        "forgotten": st.booleans(),
    }
    if genuine is None:
        return st.builds(Receipt, key_type=st.sampled_from(KeyType), **fields)
    some = st.fixed_dictionaries({}, optional=fields)
    return some.map(lambda changes: replace(genuine, **changes))


def forged_intents(world: World, addresses: tuple[Address, ...]) -> st.SearchStrategy[Intent]:
    """Return intents of any manifest about any key."""
    return st.builds(
        Intent,
        id=st.sampled_from([IntentId("forged-1"), IntentId("forged-2")]),
        owner=st.sampled_from([OWNER, "other-team"]),
        manifest_id=st.sampled_from([identity.id for identity in IDENTITIES]),
        address=st.sampled_from([*addresses, ELSEWHERE]),
        verb=st.sampled_from(["create", "refresh", "replace", "deliver"]),
        key_id=st.none() | keys(world),
        alive_before=st.lists(keys(world), max_size=2, unique=True).map(lambda ids: tuple(sorted(ids))),
        at=times(world.clock.now()),
        attempts=st.sampled_from([1, 4, 9]),
        is_unmarked=st.booleans(),
    )
