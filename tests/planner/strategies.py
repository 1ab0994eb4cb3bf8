"""Hypothesis strategies: manifests, worlds that people and machines have been at, and whole snapshots."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from samples import IDENTITY, LOCAL, NOW, make_delivery, make_desired, make_intent, make_receipt
from scenario import Scenario, make_manifest, make_service
from simulator import BLIND, FULL, LAWS, START, WEAK, WRITE_ONLY, Fault, Killed, World

from keyplan.errors import KeyplanError
from keyplan.model.desired import Desired
from keyplan.model.identity import Address, KeyId, SinkName
from keyplan.model.manifest import (
    Adopt,
    Declaration,
    KeyType,
    Limits,
    OnDescriptionChange,
    OnRemove,
    Retire,
    Rotation,
    SinkSettings,
    Strategy,
)
from keyplan.model.observation import Content, Holding, Marker, Observation, Slot, Snapshot
from keyplan.model.plan import Action
from keyplan.model.receipt import Delivered, Superseded

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
REMOTE = SinkName("remote")
NAMES = ("ci", "ingest")
MOMENTS = (timedelta(0), timedelta(minutes=1), HOUR, 3 * HOUR, 25 * HOUR, 50 * HOUR, 20 * DAY, 40 * DAY)
EVENTS = ("declare", "declare", "apply", "apply", "crash", "crash", "delete", "rotate", "create", "use", "write", "ask")

rotations = st.builds(
    Rotation,
    every=st.sampled_from([None, 30 * DAY]),
    before_expiry=st.sampled_from([None, 14 * DAY, 400 * DAY]),
    overlap=st.sampled_from([None, timedelta(0), 2 * HOUR, 48 * HOUR]),
    strategy=st.sampled_from([Strategy.AUTO, Strategy.AUTO, Strategy.REPLACE]),
    generation=st.integers(1, 2),
)
lives: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {}, {"expires_in": 60 * DAY}, {"expires_at": START + 80 * DAY}]
)


@st.composite
def declarations(draw: st.DrawFn, name: str, *, beta: bool) -> Declaration:
    """Return the declaration of a user key, or of a service key in one of two spaces."""
    rotation = draw(rotations)
    if beta:
        rotation = replace(rotation, retire=draw(st.sampled_from(Retire)))
    fields: dict[str, Any] = {
        "rotation": rotation,
        "description": draw(st.sampled_from(["", " for builds"])),
        "on_description_change": draw(st.sampled_from(OnDescriptionChange)),
        "on_remove": draw(st.sampled_from([OnRemove.DELETE, OnRemove.DELETE, OnRemove.FORGET])),
        "adopt": draw(st.sampled_from([Adopt.REPLACE, Adopt.REPLACE, Adopt.REFRESH, Adopt.REFUSE])),
        "protect": draw(st.integers(0, 5)) == 5,
        **draw(lives),
    }
    made = make_service(name, draw(st.sampled_from(["production", "staging"])), **fields)
    if draw(st.booleans()):
        return made
    return replace(made, key_type=KeyType.USER, scope=None, address=Address(f"user/{name}"))


@dataclass
class Walk:
    """A world with a past, and a manifest to apply to it now."""

    scenario: Scenario
    story: list[str] = field(default_factory=list)
    """What happened, for whoever reads a failing example."""
    strangers: set[KeyId] = field(default_factory=set)
    """Keys that people made by hand, and that keyplan was never told to adopt by refresh."""

    def held(self, address: Address) -> set[KeyId]:
        """Return the live keys whose raw keys lie in some sink of an address."""
        world = self.scenario.world
        raws = [
            world.sinks[slot.sink].values().get(slot.location, "") for slot in self.scenario.observe().slots[address]
        ]
        now = world.clock.now()
        return {record.id for record in world.provider.live() for raw in raws if record.accepts(raw, now)}


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Return an empty world of any dialect with one or two sinks of any kind."""
    kinds = draw(st.sampled_from([(FULL,), (FULL,), (WRITE_ONLY,), (FULL, FULL), (WEAK,), (BLIND,), (FULL, WEAK)]))
    return World(
        dialect=draw(st.sampled_from(["alpha", "beta"])),
        refresh_id=draw(st.sampled_from(["new", "same"])),
        max_lifetime=draw(st.sampled_from([None, None, 90 * DAY])),
        sinks=dict(zip((LOCAL, REMOTE), kinds, strict=False)),
    )


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    """Return a world after some runs, crashes and doings of people, and the manifest that stands now."""
    walk = Walk(Scenario(draw(worlds()), allow_deletes=1000))
    _declare(draw, walk)
    for event in draw(st.lists(st.sampled_from(EVENTS), max_size=7)):
        walk.story.append(event)
        _DOINGS[event](draw, walk)
        walk.scenario.world.restart()
        moment = draw(st.sampled_from(MOMENTS))
        walk.story.append(f"after {moment}")
        walk.scenario.world.clock.advance(moment)
    return walk


def _declare(draw: st.DrawFn, walk: Walk) -> None:
    world, place = walk.scenario.world, make_delivery().place
    sinks = tuple(world.sinks)
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=2))
    deliver = draw(st.sampled_from([sinks, sinks, sinks[:1]]))
    beta = world.provider.dialect == "beta"
    keys = [
        replace(
            draw(declarations(name, beta=beta)),
            deliveries=tuple(make_delivery({"path": f"secrets/{name}"}, sink=sink) for sink in deliver),
        )
        for name in names
    ]
    walk.scenario.manifest = make_manifest(
        *keys,
        sinks={name: SinkSettings(name=name, type="simulated", place=place) for name in world.sinks},
        limits=Limits(deletes=100, delete_percent=100),
    )
    walk.story.append(repr([(k.address, k.rotation, k.expires_in, k.expires_at, k.description) for k in keys]))


def _apply(draw: st.DrawFn, walk: Walk) -> None:
    walk.scenario.apply()


def _crash(draw: st.DrawFn, walk: Walk) -> None:
    walk.scenario.world.effects.inject_at(draw(st.integers(1, 12)), draw(st.sampled_from(Fault)))
    with suppress(Killed, KeyplanError):
        walk.scenario.apply()
    walk.story.append(repr(walk.scenario.world.effects.log[-1:]))


def _delete(draw: st.DrawFn, walk: Walk) -> None:
    if live := walk.scenario.world.provider.live():
        walk.scenario.world.provider.person_deletes(draw(st.sampled_from(live)).id)


def _rotate(draw: st.DrawFn, walk: Walk) -> None:
    if live := walk.scenario.world.provider.live():
        walk.scenario.world.provider.person_rotates(draw(st.sampled_from(live)).id)


def _create(draw: st.DrawFn, walk: Walk) -> None:
    walk.strangers.add(walk.scenario.world.provider.person_creates(draw(st.sampled_from(NAMES))).id)


def _use(draw: st.DrawFn, walk: Walk) -> None:
    if live := walk.scenario.world.provider.live():
        walk.scenario.world.provider.person_uses(draw(st.sampled_from(live)).id)


def _write(draw: st.DrawFn, walk: Walk) -> None:
    sink = draw(st.sampled_from([*walk.scenario.world.sinks.values()]))
    if sink.cells and draw(st.booleans()):
        sink.person_writes(draw(st.sampled_from(sorted(sink.cells))), "something else")
    elif sink.cells:
        sink.person_deletes(draw(st.sampled_from(sorted(sink.cells))))


def _ask(draw: st.DrawFn, walk: Walk) -> None:
    if walk.scenario.manifest.keys:
        walk.scenario.apply(rotate=(draw(st.sampled_from(walk.scenario.manifest.keys)).address,))


_DOINGS = {
    "declare": _declare,
    "apply": _apply,
    "crash": _crash,
    "delete": _delete,
    "rotate": _rotate,
    "create": _create,
    "use": _use,
    "write": _write,
    "ask": _ask,
}


def is_live_change(action: Action) -> bool:
    """Whether an action would end or renew a key that exists."""
    return action.blocked is None and action.key_id is not None and action.is_change


# Snapshots out of thin air: no run needs to have led to them.


@st.composite
def snapshots(draw: st.DrawFn) -> tuple[tuple[Desired, ...], Snapshot]:
    """Return desired keys and a snapshot in which receipts, markers, intents and sinks may contradict each other."""
    desired = tuple(
        make_desired(name, rotation=draw(rotations), description=draw(st.sampled_from(["", "x"])))
        for name in draw(st.lists(st.sampled_from(["ci", "cd", "ops"]), unique=True, max_size=3))
    )
    addresses = [Address(f"user/{name}") for name in ("ci", "cd", "ops", "gone")]
    keys = tuple(draw(_observations(KeyId(f"key-{number}"), addresses)) for number in range(draw(st.integers(0, 6))))
    receipts_drawn = st.lists(_receipts(addresses), max_size=4)
    slots = {one.address: (Slot(sink=LOCAL, location=f"secrets/{one.address}"),) for one in desired}
    receipts = {receipt.address: receipt for receipt in draw(receipts_drawn)}
    abilities = draw(st.sampled_from([FULL, FULL, WEAK, BLIND]))
    holdings = {slot[0]: draw(_holdings(addresses, holds=abilities.holds_receipts)) for slot in slots.values()}
    snapshot = Snapshot(
        now=NOW + draw(st.sampled_from([timedelta(0), HOUR, 31 * DAY, 300 * DAY])),
        provider="https://api.simulated.test",
        laws=LAWS[draw(st.sampled_from(["alpha", "beta"]))],
        keys=keys,
        receipts=tuple(receipt for _, receipt in sorted(receipts.items())),
        intents=tuple(draw(_intents(addresses)) for _ in range(draw(st.integers(0, 1)))),
        slots=slots,
        holdings=holdings,
        abilities={LOCAL: abilities},
    )
    return desired, snapshot


_moments = st.sampled_from([NOW - 30 * DAY, NOW - HOUR, NOW, NOW + HOUR, NOW + 400 * DAY])
_ids = st.sampled_from([KeyId(f"key-{number}") for number in range(6)])


@st.composite
def _observations(draw: st.DrawFn, key_id: KeyId, addresses: list[Address]) -> Observation:
    return Observation(
        id=key_id,
        name=draw(st.sampled_from(["ci", "cd", "ops", "gone"])),
        key_type=KeyType.USER,
        marker=draw(
            st.sampled_from([None, Marker("other-team", "0123456789"), *(Marker.of(IDENTITY, a) for a in addresses)])
        ),
        redacted="ak-can...000",
        created_at=draw(_moments),
        expires_at=draw(st.sampled_from([None, NOW, NOW + DAY, NOW + 60 * DAY])),
    )


@st.composite
def _receipts(draw: st.DrawFn, addresses: list[Address]) -> Any:
    address = draw(st.sampled_from(addresses))
    old = draw(st.lists(_ids, unique=True, max_size=2))
    return make_receipt(
        draw(st.sampled_from(["ak-one" + "0" * 40, None])),
        address=address,
        name=address.removeprefix("user/"),
        key_id=draw(_ids),
        delivered=(Delivered(LOCAL, f"secrets/{address}"),),
        delivered_at=draw(_moments),
        created_at=draw(_moments),
        superseded=tuple(Superseded(key_id=one, switched_at=NOW, delete_after=draw(_moments)) for one in sorted(old)),
    )


@st.composite
def _holdings(draw: st.DrawFn, addresses: list[Address], *, holds: bool) -> Holding:
    return Holding(
        present=draw(st.booleans()),
        receipt=draw(st.one_of(st.none(), _receipts(addresses))) if holds else None,
        content=draw(st.sampled_from(Content)) if holds else Content.UNREAD,
        changed_at=draw(st.one_of(st.none(), _moments)),
    )


@st.composite
def _intents(draw: st.DrawFn, addresses: list[Address]) -> Any:
    return make_intent(
        address=draw(st.sampled_from(addresses)),
        verb=draw(st.sampled_from(["create", "refresh", "replace"])),
        key_id=draw(st.one_of(st.none(), _ids)),
        alive_before=tuple(draw(st.lists(_ids, unique=True, max_size=3))),
        attempts=draw(st.sampled_from([1, 5])),
    )
