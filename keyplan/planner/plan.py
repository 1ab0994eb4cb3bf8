"""The plan of one manifest: the table of docs/planning.md for each declaration, and rows 15 and 16 for everything else.

The same input gives the same plan, byte for byte, and the order of declarations does not matter. Guards are applied
later, by `policy` and `guards`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from keyplan.errors import InputError
from keyplan.model.desired import Desired
from keyplan.model.identity import ONLY_PROVIDER, Address, ProviderName
from keyplan.model.manifest import Manifest, ScopeByName, Unmanaged
from keyplan.model.observation import Observation, Slot, Snapshot
from keyplan.model.plan import (
    Action,
    FreshPlan,
    PlannedAction,
    Reason,
    Request,
    Verb,
)
from keyplan.model.quotes import nearest, quote
from keyplan.model.receipt import Receipt
from keyplan.model.texts import selects
from keyplan.planner.authority import Authority
from keyplan.planner.busy import find_live_intents
from keyplan.planner.case import Case
from keyplan.planner.desired import find_lookalikes
from keyplan.planner.evidence import apply_weak_proof
from keyplan.planner.inventory import Inventory
from keyplan.planner.named_keys import find_renewed, plan_named_keys
from keyplan.planner.notes import summarize_notes
from keyplan.planner.obstacles import is_unseen
from keyplan.planner.ownership import OwnedKeys, Ownership, assign_ownership
from keyplan.planner.policy import find_longest_life
from keyplan.planner.rules import find_warnings, plan_declaration
from keyplan.planner.trace import NO_TRACE, Trace
from keyplan.planner.undeclared import plan_undeclared

_RANKS = {verb: rank for rank, verb in enumerate(Verb)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedPlan:
    """A plan, and what it was decided from."""

    plan: FreshPlan
    authority: Authority
    ownership: Ownership
    cases: tuple[Case, ...]
    """Of each declaration that was looked at, sorted by address; each with the trace of its rows."""


def make_plan(manifest: Manifest, desired: Iterable[Desired], snapshot: Snapshot, request: Request) -> FreshPlan:
    """Return the plan of one manifest, without any guard applied.

    Raises InputError if a target or an address to rotate fits nothing.
    """
    return _make_plan(manifest, desired, snapshot, request, lambda: NO_TRACE).plan


def make_traced_plan(
    manifest: Manifest, desired: Iterable[Desired], snapshot: Snapshot, request: Request
) -> TracedPlan:
    """Return the plan that `make_plan` returns, and how it came about. Raises InputError as that does."""
    return _make_plan(manifest, desired, snapshot, request, Trace)


def _make_plan(
    manifest: Manifest,
    desired: Iterable[Desired],
    snapshot: Snapshot,
    request: Request,
    open_trace: Callable[[], Trace],
) -> TracedPlan:
    wanted = tuple(sorted(desired, key=lambda one: one.address))
    # Before anything is decided: these are mistakes of the input, and no plan can follow from them.
    _refuse_unknown(wanted, request)
    authority = Authority.of(manifest, snapshot)
    ownership = assign_ownership(wanted, snapshot, authority=authority)
    unseen = _find_unseen(ownership)
    # An override is an amount, so one more key that can't be seen blocks again.
    is_allowed = request.allow_missing is not None and len(unseen) <= request.allow_missing
    held_back: frozenset[Address] = frozenset() if is_allowed else unseen
    maker = _CaseMaker(ownership, authority, request, held_back, find_longest_life(manifest))
    cases: list[Case] = [] if request.names_keys else maker.make_all(open_trace)
    actions = [action for case in cases for action in plan_declaration(case)]
    if request.names_keys:
        actions += plan_named_keys(ownership, request, maker.make)
    # With targets, the rest was not read, so nothing undeclared may end.
    elif not request.targets:
        actions += plan_undeclared(ownership, manifest, request, unseen=held_back)
    listed = Inventory(ownership, authority, cases, request)
    warnings = [*_find_warnings(manifest, cases, actions), *listed.warnings(actions), *_find_refusals(snapshot)]
    plan = _compose(manifest, snapshot, request, actions, listed)
    plan = replace(plan, serial=ownership.snapshot.serial, warnings=tuple(sorted(warnings)))
    return TracedPlan(plan=plan, authority=authority, ownership=ownership, cases=tuple(cases))


def _compose(
    manifest: Manifest, snapshot: Snapshot, request: Request, actions: list[PlannedAction], listed: Inventory
) -> FreshPlan:
    return FreshPlan(
        owner=manifest.owner,
        manifest=manifest.path,
        provider=snapshot.provider,
        dialect=snapshot.laws.dialect,
        further_providers={str(name): url for name, url in sorted(snapshot.further_urls.items())},
        actions=tuple(sorted(actions, key=sort_key)),
        unmanaged=() if manifest.unmanaged is Unmanaged.IGNORE else listed.unmanaged(actions),
        claimed=listed.claimed(),
        strays=listed.strays({action.key_id for action in actions if action.reason is Reason.STRAY}),
        elsewhere=listed.elsewhere(),
        unmanaged_policy=manifest.unmanaged,
        request=request,
        seen=snapshot.holdings,
        space_names=_name_spaces(snapshot),
    )


def _find_refusals(snapshot: Snapshot) -> Iterator[str]:
    for space in snapshot.survey.refused if snapshot.survey else ():
        yield f"the keys of space {space.name} ({space.id}) may not be listed: unmanaged ones there are not seen"


def _name_spaces(snapshot: Snapshot) -> dict[str, str]:
    """Return the names of the spaces that the manifest calls by name, sorted by id."""
    named = {space.id: ref.name for ref, space in snapshot.spaces.items() if isinstance(ref, ScopeByName)}
    return {space_id: named[space_id] for space_id in sorted(named)}


def _find_warnings(manifest: Manifest, cases: Iterable[Case], actions: Iterable[Action]) -> Iterator[str]:
    yield from find_lookalikes(manifest)
    yield from summarize_notes(actions)
    for case in cases:
        yield from find_warnings(case)


def sort_key(action: Action) -> tuple[int, Address, str, str]:
    """Return the sort key of the order in which actions are listed and begun."""
    return _RANKS[action.verb], action.address, action.key_id or "", action.reason.value


def _refuse_unknown(wanted: tuple[Desired, ...], request: Request) -> None:
    addresses = frozenset(one.address for one in wanted)
    _refuse_unmatched(request.targets, addresses, addresses, "no declaration has an address that fits")
    targeted = frozenset(address for address in addresses if _is_targeted(address, request, addresses))
    _refuse_unmatched(request.rotate, targeted, addresses, "nothing that is looked at has an address that fits")


def _refuse_unmatched(
    patterns: tuple[str, ...], addresses: frozenset[Address], known: frozenset[Address], problem: str
) -> None:
    unmatched = [p for p in patterns if not any(selects(p, address, known) for address in addresses)]
    if unmatched:
        named = ", ".join(f"'{pattern}'" for pattern in unmatched)
        # A selection of some declarations lacks others that were meant.
        near = _suggest_address(unmatched[0], known) if len(unmatched) == 1 and addresses == known else ""
        raise InputError(
            f"{problem} {named}{near}",
            advice="addresses are user/NAME and service/SPACE/NAME; globs such as 'service/*' are fine",
        )


def _suggest_address(pattern: str, known: frozenset[Address]) -> str:
    """Return ``; did you mean ...?`` for the nearest name of the same type and space; nothing if none is near."""
    scope, _, name = pattern.rpartition("/")
    names = {address.rpartition("/")[2] for address in known if address.rpartition("/")[0] == scope}
    # Of the whole address the part that is equal would make every name look near.
    near = nearest(name, names)
    return f"; did you mean {quote(f'{scope}/{near}')}?" if near else ""


class _CaseMaker:
    """Makes the cases of one plan: what is the same for all is looked up once."""

    def __init__(
        self,
        ownership: Ownership,
        authority: Authority,
        request: Request,
        unseen: frozenset[Address],
        longest_life: timedelta | None,
    ) -> None:
        snapshot = ownership.snapshot
        self._ownership, self._authority, self._request = ownership, authority, request
        self._unseen, self._longest_life = unseen, longest_life
        self._known = frozenset(owned.desired.address for owned in ownership.declared)
        self._by_name = _index_by_name(ownership.unmanaged)
        self._in_ledger = {receipt.address: receipt for receipt in snapshot.receipts}
        self._users = _index_slots(snapshot)
        every = {ONLY_PROVIDER: authority, **authority.elsewhere}
        self._creators = {name: None if one.trusts_marks else frozenset(one.creators) for name, one in every.items()}
        # Asked once: nearly every plan finds no run at work anywhere.
        self._has_intents = bool(snapshot.intents) or any(held.intent for held in snapshot.holdings.values())

    def make_all(self, open_trace: Callable[[], Trace]) -> list[Case]:
        """Return a case for each declaration that the targets let in, each with a trace of its own."""
        declared, request, known = self._ownership.declared, self._request, self._known
        return [self.make(one, open_trace()) for one in declared if _is_targeted(one.desired.address, request, known)]

    def make(self, owned: OwnedKeys, trace: Trace = NO_TRACE) -> Case:
        """Return the case of a declaration."""
        ownership, request, snapshot = self._ownership, self._request, self._ownership.snapshot
        declared = owned.desired.declaration
        address = declared.address
        slots = snapshot.slots.get(address, ())
        # Weak proof only fills in for a ledger that knows nothing: what it remembers is better.
        ledger_receipt = _find_ledger_receipt(owned, self._in_ledger)
        namesakes = self._by_name.get((declared.provider, declared.name), ())
        owned = owned if ledger_receipt else apply_weak_proof(owned, snapshot)
        is_leaked = bool(request.leaked) and find_renewed(owned, request) is not None
        is_requested = is_leaked or (bool(request.rotate) and _fits(address, request.rotate, self._known))
        return Case(
            declaration=declared,
            owned=owned,
            snapshot=snapshot,
            laws=snapshot.laws_of(declared.provider),
            now=snapshot.now,
            slots=slots,
            next_slots=snapshot.next_slots.get(address, slots),
            users=self._users,
            is_requested=is_requested,
            ends_at_once=is_leaked or (request.now and is_requested),
            namesakes=tuple(filter(self._authority.may_have_made, namesakes)) if namesakes else (),
            ledger_receipt=ledger_receipt,
            former_receipt=self._in_ledger.get(owned.previous_address) if owned.previous_address else None,
            creators=self._creators.get(declared.provider, self._creators[ONLY_PROVIDER]),
            undecided=ownership.undecided.get(address, ()),
            strays=ownership.stray_at.get(address, ()),
            doubts=ownership.doubts.get(address, ()),
            busy=find_live_intents(slots, snapshot, owned.recorded_intents) if self._has_intents else (),
            is_unseen=address in self._unseen,
            unseen_count=len(self._unseen),
            longest_life=self._longest_life,
            is_over_claim=request.over_claim and is_requested,
            trace=trace,
        )


def _index_slots(snapshot: Snapshot) -> dict[Slot, Address]:
    """Return the declaration of each place, of those included that a next raw key goes to."""
    everything = (*snapshot.next_slots.items(), *snapshot.slots.items())
    return {slot: address for address, slots in everything for slot in slots}


def _find_unseen(ownership: Ownership) -> frozenset[Address]:
    """Return the addresses, declared or not, whose key is shown neither as active nor as revoked."""
    # Only if no key is current: a receipt that another one has overtaken says nothing about today.
    declared = ((one.desired.address, one.receipt) for one in ownership.declared if one.current is None)
    undeclared = ((one.address, one.receipt) for one in ownership.orphans if one.key is None and one.receipt)
    # Without key and receipt there is an intent at a provider that is not asked: what it led to may live on.
    intended = {one.address for one in ownership.orphans if one.key is None and one.receipt is None}
    unseen = {address for address, receipt in (*declared, *undeclared) if is_unseen(receipt, ownership.snapshot)}
    return frozenset(unseen | intended)


def _find_ledger_receipt(owned: OwnedKeys, in_ledger: Mapping[Address, Receipt]) -> Receipt | None:
    """Return the receipt in the ledger of an address, or else of the one that it moved from."""
    receipt = in_ledger.get(owned.desired.address)
    return receipt or (in_ledger.get(owned.previous_address) if owned.previous_address else None)


def _is_targeted(address: Address, request: Request, known: frozenset[Address]) -> bool:
    return not request.targets or _fits(address, request.targets, known)


def _fits(address: Address, patterns: tuple[str, ...], known: frozenset[Address]) -> bool:
    return any(selects(pattern, address, known) for pattern in patterns)


def _index_by_name(keys: Iterable[Observation]) -> dict[tuple[ProviderName, str], list[Observation]]:
    index: dict[tuple[ProviderName, str], list[Observation]] = {}
    for key in keys:
        index.setdefault((key.provider, key.name), []).append(key)
    return index
