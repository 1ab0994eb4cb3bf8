"""The automatic move of DESIGN section 4: what is declared nowhere may belong to a declaration that owns nothing.

In: desired keys, which of them own a live key, and the orphans. Out: where each such declaration's keys stood
so far. One declaration takes the keys of one former address; what else would fit stays undeclared, and so
under its guards (protect, deletes, on_remove).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import TypeAlias

from keyplan.core.estates import Orphan
from keyplan.model.desired import Desired
from keyplan.model.manifest import Address, KeyType, SpaceId

_Identity: TypeAlias = tuple[KeyType | None, str, tuple[SpaceId, ...]]


def find_moves(
    wanted: Iterable[Desired], occupied: Container[Address], orphans: Iterable[Orphan]
) -> Mapping[Address, Address]:
    """Return, by declared address, the former one whose live keys are its own now; each former one once."""
    vacant: dict[_Identity | None, Address] = {
        (one.declaration.key_type, one.declaration.name, one.space_ids): one.address
        for one in wanted
        if one.address not in occupied
    }
    fitting = [orphan for orphan in orphans if orphan.key and _identity(orphan) in vacant]
    best = {vacant[_identity(orphan)]: orphan.address for orphan in sorted(fitting, key=_rank)}
    once = {former: declared for declared, former in best.items()}
    return {declared: former for former, declared in once.items()}


def _rank(orphan: Orphan) -> tuple[bool, float, float, Address]:
    """Return the sort key by which the best proven orphan comes last: a receipt, the latest, the youngest key."""
    receipt, key = orphan.receipt, orphan.key
    proven = receipt is not None and not receipt.forgotten
    delivered = receipt.delivered_at.timestamp() if receipt else 0.0
    return proven, delivered, key.created_at.timestamp() if key else 0.0, orphan.address


def _identity(orphan: Orphan) -> _Identity | None:
    """Return type, name and spaces by which an orphan finds its declaration; None where its spaces are unknown."""
    if orphan.receipt:
        return orphan.receipt.key_type, orphan.receipt.name, orphan.receipt.space_ids
    key = orphan.key
    if key is None or (key.key_type is KeyType.SERVICE and not key.space_ids):
        return None
    return key.key_type, key.name, tuple(sorted(key.space_ids or ()))
