"""Read who a manifest was before, which keys it takes over from other manifests, and which it lets go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from keyplan.manifest.addresses import Addresses
from keyplan.manifest.problems import Problems, Spot
from keyplan.manifest.tables import ItemList, Table, iter_items
from keyplan.model.identity import NO_MANIFEST_ID, Address, Departure, Identity, ManifestId, Origin
from keyplan.model.quotes import quote
from keyplan.model.texts import compose


def read_formerly(
    rows: ItemList, refused: Collection[str | int], *, own: Identity, problems: Problems
) -> Iterator[Identity]:
    """Yield the former identities of a manifest in file order; problems are added.

    `own` is the present one; `refused` holds the indexes of items that the schema refused.
    """
    known: set[Identity] = set()
    for item, spot in _list_sound(rows, refused):
        identity = _read_identity(item) if isinstance(item, Table) else Identity(item)
        named = quote(str(identity))
        if _is_own(identity, own):
            problems.add(spot, f"{named} is what this manifest is now; 'formerly' names what it was before")
        elif identity in known:
            problems.add(spot, f"{named} is named twice in 'formerly'", "duplicate")
        else:
            known.add(identity)
            yield identity


def read_removed(
    rows: ItemList, refused: Collection[str | int], *, own: Identity, addresses: Addresses, problems: Problems
) -> Iterator[Departure]:
    """Yield the addresses that a manifest lets go, in file order; problems are added, and noted with `addresses`."""
    for item, spot in _list_sound(rows, refused):
        departure = Departure(address=Address(compose(item["address"])), to=item["to"])
        # The item's own spot, and not that of its field: an alias would have the same one as what it names.
        addresses.remove(departure.address, spot)
        if departure.to == own.owner:
            problems.add(
                item.value_spot("to"), f"{quote(departure.to)} is this manifest's own owner; 'to' names another one"
            )
        yield departure


def read_moves(
    given: Any, spot: Spot, *, own: Identity, addresses: Addresses, problems: Problems
) -> Iterator[Address | Origin]:
    """Yield what a declaration was before: addresses of this manifest, and origins in others. Problems are added."""
    for item, item_spot in iter_items(given, spot):
        if not isinstance(item, Table):
            former: Address | Origin = Address(compose(item))
        else:
            former = Origin(identity=_read_identity(item), address=Address(compose(item["address"])))
            if _is_own(former.identity, own):
                named = f"{quote(str(former.identity))} is this manifest itself"
                problems.add(item_spot, f"{named}; write the address alone: {quote(former.address)}")
                continue
        addresses.claim_former(former, item_spot)
        yield former


def _list_sound(rows: ItemList, refused: Collection[str | int]) -> Iterable[tuple[Any, Spot]]:
    numbered = enumerate(zip(rows, rows.value_spots, strict=True))
    return (row for index, row in numbered if index not in refused)


def _read_identity(item: Table) -> Identity:
    return Identity(item["owner"], ManifestId(item.get("id", NO_MANIFEST_ID)))


def _is_own(identity: Identity, own: Identity) -> bool:
    # What was written before a manifest had its id is its own, so its bare owner means the manifest itself.
    return identity == own or identity == Identity(own.owner)
