"""People with fewer rights than keyplan, found by hypothesis: nothing they can do ends, moves or hands over a key.

One world, a manifest of three keys, and people who create keys, write a sink, or take away what keyplan sees. The laws
are checked against what really happened, which no receipt can change.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from samples import IDENTITY, OWNER, make_access, make_declaration
from scenario import GENEROUS, Scenario, make_service
from security.people import MEMBER, UNKNOWN_KEY, forged_intents, forged_receipts, markers
from simulator import BLIND, FULL, WEAK, WRITE_ONLY, Cell, Fault, KeyRecord, Killed, SimulatedSink, World, make_space

from keyplan.app.exit_codes import status_of_plan
from keyplan.errors import KeyplanError
from keyplan.model.identity import Address, Identity, KeyId, SinkName
from keyplan.model.manifest import Declaration, KeyType, Rotation
from keyplan.model.observation import Abilities
from keyplan.model.plan import Plan
from keyplan.renderers.text.plan import render_plan

HOUR = timedelta(hours=1)
SINKS: dict[str, dict[str, Abilities]] = {
    "full": {"local": FULL},
    "write-only": {"local": WRITE_ONLY},
    "weak": {"local": WEAK},
    "blind": {"local": BLIND},
    "full and write-only": {"local": FULL, "remote": WRITE_ONLY},
    "full and weak": {"local": FULL, "remote": WEAK},
    "write-only and blind": {"local": WRITE_ONLY, "remote": BLIND},
}
SHORT = settings(
    max_examples=300, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
LONG = settings(SHORT, max_examples=int(os.environ.get("KEYPLAN_ATTACKS", "3000")), stateful_step_count=30)
SEED = int(os.environ.get("KEYPLAN_SEED", "4"))


@dataclass
class Truth:
    """What really happened, whatever receipts and marks say."""

    world: World
    strangers: dict[KeyId, KeyRecord] = field(default_factory=dict)
    """Keys that are not ours, as their owners left them."""

    def issued_for(self, address: Address, raw: str) -> bool:
        """Whether keyplan issued a raw key for that address: by the name of its key, which only we choose."""
        made = [record for record in self.world.provider.records.values() if raw in (record.raw, *dict(record.graced))]
        named = address.rpartition("/")[2]
        return all(record.name == named and record.id not in self.strangers for record in made)

    def stored(self, address: Address) -> list[tuple[datetime, str]]:
        """Return when keyplan stored which raw key of an address, in whatever sink, in order of time."""
        events = [
            (at, raw) for sink in self.world.sinks.values() for at, location, raw in sink.history if location == address
        ]
        return sorted(events, key=lambda event: event[0])


class People(RuleBasedStateMachine):
    """One world, keyplan in it, and people with fewer rights."""

    @initialize(
        dialect=st.sampled_from(["alpha", "beta"]),
        refresh_id=st.sampled_from(["new", "same"]),
        sinks=st.sampled_from(sorted(SINKS)),
        habits=st.fixed_dictionaries({name: st.booleans() for name in ("loses_ledger", "with_id", "shows_others")}),
    )
    def begin(self, dialect: Any, refresh_id: Any, sinks: str, habits: dict[str, bool]) -> None:
        """Let there be a world in which all is well: three keys, delivered, and two that are not ours."""
        self.world = World(dialect=dialect, refresh_id=refresh_id, sinks=SINKS[sinks])
        self.truth = Truth(self.world)
        self.scenario = Scenario(self.world)
        self.loses_ledger, self.with_id = habits["loses_ledger"], habits["with_id"]
        provider = self.world.provider
        provider.shows_others = habits["shows_others"]
        provider.present(provider.person_creates("keyplan's own").id)
        self.remember(provider.records[provider.own_key or KeyId("")])
        self.remember(provider.person_creates("by hand"))
        self.remember(provider.person_creates("theirs", description="[keyplan other-team:kteam123/0123456789]"))
        self.keys: dict[Address, Declaration] = {}
        for declared in (
            make_declaration("open", rotation=Rotation(overlap=24 * HOUR)),
            make_declaration("guarded", protect=True, rotation=Rotation(overlap=24 * HOUR)),
            make_service("ingest", rotation=Rotation(overlap=timedelta(0))),
        ):
            self.keys[declared.address] = declared
        self.write_manifest()
        self.touched: set[Address] = set()
        """Addresses of which somebody wrote a place."""
        self.excused: set[Address] = set()
        """Addresses that have a reason of their own to be renewed."""
        self.died: dict[Address, list[datetime]] = {}
        """When keyplan may have died in a renewal of an address, each time."""
        self.scenario.run()
        self.end_run()

    def write_manifest(self) -> None:
        """Write what is declared now."""
        options: dict[str, Any] = {} if self.with_id else {"id": ""}
        self.scenario.declare(*self.keys.values(), limits=GENEROUS, **options)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Return what is declared, sorted."""
        return tuple(sorted(self.keys))

    @property
    def identities(self) -> frozenset[Identity]:
        """Return whom marks and records of the manifest name: itself, and itself before it had an id."""
        return frozenset([IDENTITY, Identity(OWNER)] if self.with_id else [Identity(OWNER)])

    def remember(self, record: KeyRecord) -> None:
        """Note a key that is not ours, as it is now."""
        self.truth.strangers[record.id] = record

    # who may create keys

    @rule(data=st.data(), name=st.sampled_from(["open", "guarded", "ingest", "new"]), is_service=st.booleans())
    def member_creates(self, data: st.DataObject, name: str, is_service: bool) -> None:
        """Make a key with any name and marker: it changes no plan but by what it shows."""
        mark = data.draw(markers(self.addresses))
        before = self.plan()
        made = self.world.provider.person_creates(
            name,
            key_type=KeyType.SERVICE if is_service else KeyType.USER,
            description=mark.attach("mine") if mark else "mine",
            access=make_access(make_space("production")) if is_service else None,
            created_by=MEMBER,
        )
        self.remember(made)
        after = self.plan()
        assert summarize(after) == summarize(before), "who can create keys changed a plan"
        is_seen = any(key.id == made.id for key in self.scenario.observe().keys)
        if is_seen and mark and mark.identity in self.identities:
            assert MEMBER in render_plan(after), "a claim was passed over in silence"

    @precondition(lambda self: self.members_keys())
    @rule(data=st.data(), is_rotated=st.booleans())
    def member_changes(self, data: st.DataObject, is_rotated: bool) -> None:
        """End or rotate a key of one's own."""
        key_id = data.draw(st.sampled_from(self.members_keys()))
        before = self.plan()
        if is_rotated:
            self.remember(self.world.provider.person_rotates(key_id))
        else:
            self.world.provider.person_deletes(key_id)
        self.remember(self.world.provider.records[key_id])
        assert summarize(self.plan()) == summarize(before), "who can create keys changed a plan"

    # who may write a sink

    @rule(data=st.data(), has_value=st.booleans())
    def writer_forges_a_receipt(self, data: st.DataObject, has_value: bool) -> None:
        """Write any receipt beside a value, or change the one that is there."""
        sink, address = self.pick_place(data)
        if not sink.abilities.holds_receipts:
            return
        cell = sink.cells.get(address, Cell())
        genuine = cell.receipt if cell.receipt and has_value else None
        receipt = data.draw(forged_receipts(self.world, self.addresses, genuine))
        sink.cells[address] = replace(cell, raw=cell.raw or "ak-by-hand", owner=receipt.owner, receipt=receipt)
        self.touched.add(address)
        # As for intents: what nothing shows cannot be ended.
        named = {receipt.key_id, *({old.key_id for old in receipt.superseded} - {UNKNOWN_KEY})}
        at = max(receipt.delivered_at, receipt.created_at)
        if self.is_false(named, receipt.identity, receipt.address, place=address, at=at):
            assert f"{sink.name}:{address}" in render_plan(self.plan()), "a claim was passed over in silence"

    @rule(data=st.data(), is_alone=st.booleans())
    def writer_forges_an_intent(self, data: st.DataObject, is_alone: bool) -> None:
        """Write any intent beside a value, or leave it there alone as if a run had died before it delivered."""
        sink, address = self.pick_place(data)
        if sink.abilities.holds_receipts:
            intent = data.draw(forged_intents(self.world, self.addresses))
            cell = Cell() if is_alone else sink.cells.get(address, Cell())
            sink.cells[address] = replace(cell, owner=intent.owner, intent=intent)
            self.touched.add(address)
            # An id that nothing shows is harmless in an intent: there is no key that could be renewed for it.
            named = {intent.key_id} - {None, UNKNOWN_KEY}
            if self.is_false(named, intent.identity, intent.address, place=address, at=intent.at):
                assert f"{sink.name}:{address}" in render_plan(self.plan()), "a claim was passed over in silence"

    @rule(data=st.data(), is_removed=st.booleans())
    def writer_writes_a_value(self, data: st.DataObject, is_removed: bool) -> None:
        """Write any value that such a person can know, or remove it."""
        sink, address = self.pick_place(data)
        if is_removed:
            sink.person_deletes(address)
        else:
            known = [value for other in self.world.sinks.values() for value in other.values().values()]
            sink.person_writes(address, data.draw(st.sampled_from(sorted({*known, "ak-by-hand"}))))
        self.touched.add(address)

    @rule(data=st.data())
    def writer_copies_a_place(self, data: st.DataObject) -> None:
        """Copy value and notes of one place to another."""
        sink, address = self.pick_place(data)
        source, other = self.pick_place(data)
        if sink.abilities == source.abilities and other in source.cells:
            sink.cells[address] = source.cells[other]
            self.touched.add(address)

    # who may take away what keyplan sees

    @rule(data=st.data())
    def sight_is_lost(self, data: st.DataObject) -> None:
        """Run keyplan with a credential that does not see some keys of ours: nothing is written for them."""
        remembered = [address for address in self.addresses if self.is_remembered(address)]
        if not remembered:
            return
        addresses = data.draw(st.lists(st.sampled_from(remembered), min_size=1, unique=True))
        stored = {address: len(self.truth.stored(address)) for address in addresses}
        self.world.provider.hidden = frozenset(
            key_id for address in addresses for key_id in self.world.provider.records if self.is_of(key_id, address)
        )
        with suppress(KeyplanError):
            self.run_keyplan()
        self.world.provider.hidden = frozenset()
        now_stored = {address: len(self.truth.stored(address)) for address in addresses}
        assert now_stored == stored, "a place was written of a key that is not seen"
        self.end_run()

    # keyplan itself

    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        """Ask for a renewal in the manifest, and run keyplan."""
        address = data.draw(st.sampled_from(self.addresses))
        rotation = self.keys[address].rotation
        self.keys[address] = replace(self.keys[address], rotation=replace(rotation, generation=rotation.generation + 1))
        self.write_manifest()
        self.excused.add(address)
        self.run()

    @rule()
    def run(self) -> None:
        """Run keyplan: whoever's places nobody wrote, is as before."""
        before = {address: len(self.truth.stored(address)) for address in self.addresses}
        with suppress(KeyplanError):
            self.run_keyplan()
        quiet = set(self.addresses) - self.touched - self.excused
        now = {address: len(self.truth.stored(address)) for address in quiet}
        assert now == {address: before[address] for address in quiet}, "a key was renewed for a forged reason"
        self.end_run()

    @rule(ordinal=st.integers(1, 20), fault=st.sampled_from([Fault.KILL_BEFORE, Fault.KILL_AFTER]), data=st.data())
    def run_and_die(self, ordinal: int, fault: Fault, data: st.DataObject) -> None:
        """Have keyplan die in the middle of a renewal."""
        address = data.draw(st.sampled_from(self.addresses))
        rotation = self.keys[address].rotation
        self.keys[address] = replace(self.keys[address], rotation=replace(rotation, generation=rotation.generation + 1))
        self.write_manifest()
        self.excused.add(address)
        for one in self.excused | self.touched:
            self.died.setdefault(one, []).append(self.world.clock.now())
        self.world.effects.inject_at(ordinal, fault)
        with suppress(Killed, KeyplanError):
            self.run_keyplan()
        self.end_run()

    @rule(span=st.sampled_from([timedelta(minutes=10), 3 * HOUR, 25 * HOUR]))
    def wait(self, span: timedelta) -> None:
        """Let time pass."""
        self.world.clock.advance(span)

    # what the rules are made of

    def plan(self) -> Plan:
        """Return the plan of this instant."""
        return self.scenario.plan()

    def run_keyplan(self) -> None:
        """Run keyplan once, on a fresh machine if this company has no lasting ledger."""
        self.world.clock.advance(timedelta(minutes=1))
        if self.loses_ledger:
            self.world.ledger.lose()
        self.scenario.run()

    def end_run(self) -> None:
        """Begin another process, after the laws were checked."""
        self.world.restart()
        self.check_strangers()
        self.check_held()
        self.check_places()

    def check_strangers(self) -> None:
        """No key that isn't ours is ended or changed."""
        records = self.world.provider.records
        assert {key_id: records[key_id] for key_id in self.truth.strangers} == self.truth.strangers

    def check_held(self) -> None:
        """No key of ours is ended before its successor was stored, and its declared overlap is over."""
        now = self.world.clock.now()
        for address, declared in self.keys.items():
            stored = self.truth.stored(address)
            raws = list(dict.fromkeys(raw for _, raw in stored))
            first = {raw: min(at for at, other in stored if other == raw) for raw in raws}
            for raw, successor in zip(raws, [*raws[1:], None], strict=True):
                until = None if successor is None else first[successor] + declared.rotation.overlap
                # A refresh that keyplan did not survive leaves a dead raw key once its grace is over.
                deaths = self.died.get(address, ())
                is_left = any(first[raw] <= died and now >= died + declared.rotation.overlap for died in deaths)
                if not is_left and (until is None or now < until):
                    assert self.world.provider.accepts(raw), f"a raw key of {address} was ended too early"

    def check_places(self) -> None:
        """No place receives another address's raw key, and a protected key is not renewed."""
        for address in self.addresses:
            assert all(self.truth.issued_for(address, raw) for _, raw in self.truth.stored(address))
            if self.keys[address].protect:
                assert len({raw for _, raw in self.truth.stored(address)}) == 1, "a protected key was renewed"

    def is_false(
        self, named: set[KeyId | None], identity: Identity, address: Address, *, place: Address, at: datetime
    ) -> bool:
        """Whether a note says what can't be so: keys, a manifest or an address that are not its place's, or a time."""
        ours = {key_id for key_id in self.world.provider.records if self.is_of(key_id, place)}
        later = self.world.clock.now() + HOUR
        return not named <= ours or identity not in self.identities or address != place or at >= later

    def is_of(self, key_id: KeyId, address: Address) -> bool:
        """Whether keyplan made a key for that address."""
        record = self.world.provider.records[key_id]
        return key_id not in self.truth.strangers and record.name == address.rpartition("/")[2]

    def is_remembered(self, address: Address) -> bool:
        """Whether anything that nobody wrote tells keyplan of a key that it does not see."""
        holds = any(sink.abilities.holds_receipts for sink in self.world.sinks.values())
        return not self.loses_ledger or (holds and address not in self.touched)

    def members_keys(self) -> list[KeyId]:
        """Return the ids of live keys that a member made."""
        return [record.id for record in self.world.provider.live() if record.created_by == MEMBER]

    def pick_place(self, data: st.DataObject) -> tuple[SimulatedSink, Address]:
        """Return a sink and an address of it."""
        name = data.draw(st.sampled_from(sorted(self.world.sinks)))
        return self.world.sinks[SinkName(name)], data.draw(st.sampled_from(self.addresses))


def summarize(plan: Plan) -> tuple[int, list[tuple[str, ...]]]:
    """Return exit status and actions of a plan, without what is only shown."""
    status = status_of_plan(plan, is_detailed=True)
    return status, [
        (action.address, action.verb.value, action.reason.value, str(action.key_id), repr(action.blocked))
        for action in plan.actions
    ]


def test_nobody_with_fewer_rights_ends_moves_or_hands_over_a_key() -> None:
    run_state_machine_as_test(seed(4)(People), settings=SHORT)


@pytest.mark.soak
def test_nobody_does_so_in_long_histories_either() -> None:
    run_state_machine_as_test(seed(SEED)(People), settings=LONG)
