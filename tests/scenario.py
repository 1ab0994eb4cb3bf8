"""A manifest, run against the simulated world: plan, apply, and what must be true afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from samples import IDENTITY, OWNER, PLACE, make_declaration, make_delivery, make_holder, make_runner
from simulator import KeyRecord, World

from keyplan.applier.apply import apply
from keyplan.applier.observe import Readers, observe
from keyplan.applier.workbench import Workbench
from keyplan.model.identity import Address, KeyId, SinkName
from keyplan.model.ledger import Spending
from keyplan.model.limits import Limits
from keyplan.model.manifest import Declaration, KeyType, Manifest, ProviderSettings, ScopeByName, SinkSettings
from keyplan.model.observation import Exclusion, Snapshot
from keyplan.model.plan import Action, FreshPlan, Request, Verb
from keyplan.model.report import Outcome, Report
from keyplan.planner.desired import resolve_in
from keyplan.planner.guards import apply_guards
from keyplan.planner.lifetime import hold_overlong
from keyplan.planner.plan import make_plan
from keyplan.planner.policy_guard import apply_policies
from keyplan.planner.readiness import hold_unready
from keyplan.planner.rollout import apply_rollout

GENEROUS = Limits(deletes=1000, delete_percent=100, replaces=1000, replace_percent=100)


class Silent:
    """Implements Progress and Stop: says nothing, never stops unless told so after a number of questions."""

    def __init__(self, *, stop_after: int | None = None) -> None:
        self._left = stop_after

    def begin(self, total: int) -> None:
        """Ignore it."""

    def start(self, action: Action) -> None:
        """Ignore it."""

    def step(self, address: Address, what: str) -> None:
        """Ignore it."""

    def finish(self, address: Address, outcome: Outcome | None) -> None:
        """Ignore it."""

    def requested(self) -> int | None:
        """Return SIGINT once the given number of questions is used up."""
        if self._left is None:
            return None
        self._left -= 1
        return 2 if self._left < 0 else None


class Telling(Silent):
    """Implements Progress and Stop: notes every word, and never stops."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def begin(self, total: int) -> None:
        """Note it."""
        self.words.append(f"begin {total}")

    def step(self, address: Address, what: str) -> None:
        """Note it."""
        self.words.append(f"{address} {what}")

    def finish(self, address: Address, outcome: Outcome | None) -> None:
        """Note it."""
        self.words.append(f"{address} finished")


def make_manifest(*keys: Declaration, sinks: tuple[str, ...] = ("local",), **changes: Any) -> Manifest:
    """Return a manifest of these declarations with these sinks."""
    named = [SinkName(name) for name in sinks]
    values: dict[str, Any] = {
        "path": "keys.yaml",
        "owner": OWNER,
        "id": IDENTITY.id,
        "sinks": {name: SinkSettings(name=name, type="simulated", place=PLACE) for name in named},
        "keys": keys,
    }
    return Manifest(**(values | changes))


def make_service(name: str = "ingest", space: str = "production", **changes: Any) -> Declaration:
    """Return the declaration of a service key in a named space."""
    values: dict[str, Any] = {
        "address": Address(f"service/{space}/{name}"),
        "key_type": KeyType.SERVICE,
        "scope": ScopeByName(space),
    }
    return make_declaration(name, **(values | changes))


@dataclass
class Scenario:
    """One manifest in one world; change `manifest` between runs as a person would."""

    world: World = field(default_factory=World)
    manifest: Manifest = field(default_factory=lambda: make_manifest(make_declaration()))
    bystanders: tuple[KeyRecord, ...] = ()
    """Keys that are nobody's business, as they were made."""
    runs: int = 0
    allow_deletes: int | None = None
    """What every plan is asked with, unless it says otherwise."""
    provider: ProviderSettings = field(default_factory=ProviderSettings)
    """What the manifest says of the provider, whatever is declared."""

    def declare(self, *keys: Declaration, **changes: Any) -> None:
        """Write another manifest, each of its keys delivered to every sink of the world."""
        names = tuple(self.world.sinks)
        everywhere = tuple(make_delivery(sink=name) for name in names)
        spread = (replace(key, deliveries=everywhere) for key in keys)
        self.manifest = make_manifest(
            *spread, sinks=names, **({"limits": GENEROUS, "provider": self.provider} | changes)
        )

    def watch_bystanders(self) -> None:
        """Let there be an unmanaged key, and one of another owner; nothing may ever touch them."""
        provider = self.world.provider
        foreign = provider.person_creates("theirs", description="[keyplan other-team/0123456789]")
        self.bystanders = (provider.person_creates("by hand"), foreign)

    def observe(self) -> Snapshot:
        """Return the world as keyplan sees it."""
        world = self.world
        for sink in world.sinks.values():
            sink.lineage = self.manifest.lineage
        sinks = {SinkName(name): world.sinks[SinkName(name)] for name in self.manifest.sinks}
        return observe(
            self.manifest,
            Readers(reader=world.provider, ledger=world.ledger, sinks=sinks),
            now=world.clock.now(),
            exclusion=Exclusion.SAME_LEDGER,
            is_preflight=True,
        )

    def plan(self, **request: Any) -> FreshPlan:
        """Return the guarded plan."""
        snapshot = self.observe()
        desired = resolve_in(self.manifest, snapshot)
        wanted = Request(**({"allow_deletes": self.allow_deletes} | request))
        plan = make_plan(self.manifest, desired, snapshot, wanted)
        plan = apply_policies(plan, manifest=self.manifest, now=snapshot.now)
        plan = hold_unready(hold_overlong(plan, self.manifest, snapshot.now), snapshot)
        plan = apply_rollout(plan, self.manifest, snapshot)
        return apply_guards(plan, manifest=self.manifest)

    def bench(self) -> Workbench:
        """Return everything that an apply may touch."""
        world = self.world
        return Workbench(
            reader=world.provider,
            writer=world.provider,
            sinks=world.sinks,
            ledger=world.ledger,
            clock=world.clock,
            runner=make_runner(),
        )

    def apply(self, *, stop: Silent | None = None, parallelism: int = 1, **request: Any) -> Report:
        """Plan and apply."""
        silent, plan = stop or Silent(), self.plan(**request)
        return apply(plan, digest="test", ports=self.bench(), parallelism=parallelism, progress=silent, stop=silent)

    def run(self, *, host: str = "build-7", parallelism: int = 1, **request: Any) -> Report:
        """Do what the command does: take the lock, mark a plan as spent, plan and apply."""
        self.runs += 1
        ledger, now = self.world.ledger, self.world.clock.now()
        holder = make_holder(f"lock-{self.runs}", host=host)
        with ledger.lock(holder, patience=timedelta(0)):
            ledger.spend(Spending(digest=f"sha256:{self.runs}", at=now, host=host))
            return self.apply(parallelism=parallelism, **request)

    def actions(self, **request: Any) -> list[Action]:
        """Return what would be done, kept keys left out."""
        return [action for action in self.plan(**request).actions if action.verb is not Verb.KEEP]

    def words(self, **request: Any) -> list[str]:
        """Return `verb reason` of every action, `blocked` before it where it is; kept keys included."""
        return [
            f"{'blocked ' if action.blocked else ''}{action.verb.value} {action.reason.value}"
            for action in self.plan(**request).actions
        ]


def assert_promise(scenario: Scenario) -> None:
    """Assert that a clean apply left one delivered, working key for each declaration, and none that nothing holds."""
    world = scenario.world
    assert scenario.actions() == [], "the next plan is not empty"
    memory, live = world.ledger.recall(), {record.id: record for record in world.provider.live()}
    receipts = {receipt.address: receipt for receipt in memory.receipts}
    slots = scenario.observe().slots
    for declared in scenario.manifest.keys:
        receipt = receipts[declared.address]
        assert receipt.key_id in live, "the current key does not live"
        for slot in slots[declared.address]:
            raw = world.sinks[slot.sink].values()[slot.location]
            assert live[receipt.key_id].accepts(raw, world.clock.now()), f"{slot} holds a dead key"
    held = {receipt.key_id for receipt in receipts.values()}
    held |= {old.key_id for receipt in receipts.values() for old in receipt.superseded}
    assert _ours(live) <= held, "a live key of ours is nobody's"
    assert memory.intents == (), "an intent is still open"
    assert_untouched(scenario)


def assert_untouched(scenario: Scenario) -> None:
    """Assert that what is not managed is as it was made."""
    records = scenario.world.provider.records
    assert tuple(records[key.id] for key in scenario.bystanders) == scenario.bystanders, "a foreign key was touched"


def _ours(live: dict[KeyId, KeyRecord]) -> set[KeyId]:
    return {key_id for key_id, record in live.items() if f"[keyplan {IDENTITY}/" in record.description}
