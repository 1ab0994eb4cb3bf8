"""The plan of single keys that the user names: each ends now, or is renewed and stops at once.

Nothing else is planned, and no other key is touched. A user's command that names a key is evidence enough to end it
(docs/planning.md, "Keys that the user names"); what protects a key, guards and policies, holds here as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from keyplan.errors import InputError
from keyplan.model.basis import DeleteBasis
from keyplan.model.desired import address_of
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Observation
from keyplan.model.plan import Blocked, Guard, PlannedAction, Reason, Request, Verb
from keyplan.model.receipt import Receipt
from keyplan.planner.case import Case
from keyplan.planner.key_view import view_key, view_marked
from keyplan.planner.left_places import leave_places
from keyplan.planner.ownership import OwnedKeys, Ownership
from keyplan.planner.rules import plan_own_action

_RENEWALS = (Verb.REFRESH, Verb.REPLACE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _LiveKey:
    """A live key with what decides whether it may be ended by its name."""

    key: Observation
    address: Address
    owned: OwnedKeys | None = None
    """Of the declaration that it belongs to; None for a key that is declared nowhere."""
    receipt: Receipt | None = None
    owner: str = ""
    """The owner that its marker names, if it is not this manifest's; empty for none."""
    is_orphan: bool = False
    """Whether it is ours and declared nowhere."""


def plan_named_keys(
    ownership: Ownership, request: Request, make_case: Callable[[OwnedKeys], Case]
) -> Iterator[PlannedAction]:
    """Yield an action for each key that the request names, and no other.

    Raises InputError if it names something that is not a live key, or an address with several keys.
    """
    live = {one.key.id: one for one in _list_live(ownership)}
    for owned in ownership.declared:
        yield from _plan_leaked(owned, request, make_case, live)
    renewed = {owned.desired.address for owned in ownership.declared if find_renewed(owned, request)}
    for key_id in sorted({_resolve(name, live) for name in request.revoke} | _list_leaked_orphans(request, live)):
        one = live[key_id]
        # Renewed and ended, a key would be ended twice.
        if not (one.address in renewed and key_id in request.leaked):
            yield _end(one, ownership.snapshot.own_keys, make_case, allowed=request.revoke_owner)


def find_renewed(owned: OwnedKeys, request: Request) -> KeyId | None:
    """Return the leaked key in whose place a declaration gets another; None if an old key leaked, or none."""
    candidates = (owned.current,) if owned.current else owned.older[:1]
    return next((key.id for key in candidates if key.id in request.leaked), None)


def _plan_leaked(
    owned: OwnedKeys, request: Request, make_case: Callable[[OwnedKeys], Case], live: dict[KeyId, _LiveKey]
) -> Iterator[PlannedAction]:
    """Yield the renewal of a leaked current key, and the end of each leaked old one."""
    leaked = [key.id for key in owned.alive if key.id in request.leaked]
    if not leaked:
        return
    case = make_case(owned)
    ended: set[KeyId | None] = set()
    if find_renewed(owned, request):
        main = leave_places(case, plan_own_action(case))
        yield main
        # If a guard holds back the renewal of a key, the key must not end without one.
        ended = {main.key_id} if main.verb in _RENEWALS else {find_renewed(owned, request)}
    for key_id in leaked:
        if key_id not in ended:
            yield _end(live[key_id], case.snapshot.own_keys, make_case)


def _list_leaked_orphans(request: Request, live: dict[KeyId, _LiveKey]) -> set[KeyId]:
    """Return the leaked keys that are declared nowhere: there is no declaration to renew them for."""
    return {key_id for key_id in request.leaked if key_id in live and live[key_id].is_orphan}


def _resolve(name: str, live: dict[KeyId, _LiveKey]) -> KeyId:
    """Return the id of the one key that a name means. Raises InputError."""
    if KeyId(name) in live:
        return KeyId(name)
    found = [one for one in live.values() if one.address == name]
    current = [one for one in found if one.owned and one.owned.current and one.owned.current.id == one.key.id]
    if len(found) != 1 and len(current) != 1:
        if not found:
            raise InputError(
                f"no live key that this credential can see has the id or the address '{name}'",
                advice="list them with: keyplan list",
            )
        ids = ", ".join(sorted(one.key.id for one in found))
        raise InputError(f"'{name}' has several keys, and none of them is current", advice=f"name one by its id: {ids}")
    return (current or found)[0].key.id


def _end(
    one: _LiveKey, own_keys: frozenset[KeyId], make_case: Callable[[OwnedKeys], Case], *, allowed: str | None = None
) -> PlannedAction:
    """Return the action that ends a key without a successor; `allowed` is the other owner whose keys may be ended."""
    case = make_case(one.owned) if one.owned else None
    is_current = one.owned is not None and one.owned.current is not None and one.owned.current.id == one.key.id
    places = "its places hold a dead key until the next apply delivers a new one: "
    action = PlannedAction(
        address=one.address,
        verb=Verb.DELETE,
        reason=Reason.REQUESTED,
        key_id=one.key.id,
        before=view_marked(one.key) if one.owner else view_key(one.key),
        consequences=(f"{places}keyplan apply",) if is_current else (),
        cuts_off=True,
        place=case.declaration.place if case else None,
        basis=DeleteBasis(
            desired=case.owned.desired if case else None,
            key=one.key,
            receipt=one.receipt,
            slots=case.slots if case else (),
            is_recorded=case.is_recorded if case else True,
            is_own_credential=one.key.id in own_keys,
        ),
    )
    if one.owner and one.owner != allowed:
        advice = f"it is marked for the owner {one.owner}: agree with them, then say --owner {one.owner}"
        return replace(action, blocked=Blocked(guard=Guard.OTHER_OWNER, advice=advice))
    return action


def _list_live(ownership: Ownership) -> Iterator[_LiveKey]:
    """Yield every live key once, with the address under which it is shown."""
    for owned in ownership.declared:
        for key in owned.alive:
            yield _LiveKey(key=key, address=owned.desired.address, owned=owned, receipt=owned.receipt)
    for orphan in ownership.orphans:
        if orphan.key:
            yield _LiveKey(key=orphan.key, address=orphan.address, receipt=orphan.receipt, is_orphan=True)
    undecided = [key for found in ownership.undecided.values() for key in found]
    for key in (*ownership.unmanaged, *ownership.claimed, *undecided):
        yield _LiveKey(key=key, address=_name(key))
    # Another manifest of the same owner may have made a stray one.
    for key in (*ownership.others, *ownership.strays):
        owner = key.marker.owner if key.marker else ""
        yield _LiveKey(key=key, address=_name(key), owner=owner)


def _name(key: Observation) -> Address:
    """Return the address under which a key that is not ours is shown; its id keeps it apart from a declared one."""
    space = min(key.scope_ids) if key.scope_ids else "?"
    address = address_of(key.key_type or KeyType.USER, key.name, space, provider=key.provider)
    return Address(f"{address} ({key.id})")
