"""Rehearses the apply of a manifest against every fault, on copies in memory, with keyplan's own planner and applier.

Provider, ledger and sinks are read once, through readers alone, and nothing outside is touched after that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta

from keyplan.app.ledger_choice import SQLITE
from keyplan.app.provider_ports import open_reader_ports
from keyplan.app.rehearsal.account import StateCopy, copy_state
from keyplan.app.rehearsal.consumers import Consumers, Place
from keyplan.app.rehearsal.runs import Current, run_apply, run_next
from keyplan.app.rehearsal.selection import ChosenKeys, choose, take_all
from keyplan.app.rehearsal.world import World
from keyplan.app.several_providers import label_providers
from keyplan.app.wiring import Wiring
from keyplan.app.workspace import Workspace, read_only_ledger, read_only_sinks
from keyplan.applier.observe import Readers, observe
from keyplan.errors import KeyplanError, LedgerError, ProviderUnavailableError, SinkUnavailableError
from keyplan.model.identity import Address, SinkName
from keyplan.model.manifest import Manifest
from keyplan.model.observation import Snapshot
from keyplan.model.plan import Request
from keyplan.model.rehearsal import Mishap, Rehearsal, RehearsedDay, RehearsedFault, RehearsedRun, Step
from keyplan.ports import SinkReader
from keyplan.simulated.effects import EffectFault

_DAY = timedelta(days=1)
_PROVIDER_CALLS = ("provider.create", "provider.refresh", "provider.delete")
_MEETINGS = ("provider.create", "provider.refresh", "sink.put", "ledger.record")
"""Effects before which a second run starts: where two runs can be in each other's way."""
_LOSABLE = ("provider.", "sink.", "ledger.record", "ledger.open_intent")
"""Beginnings of effects whose answers get lost."""


def rehearse(wiring: Wiring, workspace: Workspace) -> Rehearsal:
    """Return what an apply would come to under every fault. Writes nothing, takes no lock.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    stage, begun = _set_stage(wiring, workspace, is_rotated=True)
    return replace(begun, faults=tuple(stage.play_all()))


def rehearse_days(wiring: Wiring, workspace: Workspace, span: timedelta) -> Rehearsal:
    """Return what an apply each day would do for so long, beginning now, if the manifest stays as it is.

    Writes nothing, takes no lock. Raises InputError, ProviderError, SinkError and LedgerError.
    """
    stage, begun = _set_stage(wiring, workspace, is_rotated=False)
    return replace(begun, days=tuple(stage.live_through(span // _DAY)))


def _set_stage(wiring: Wiring, workspace: Workspace, *, is_rotated: bool) -> tuple[Stage, Rehearsal]:
    """Return what every run begins with, and the rehearsal before any run."""
    selection, copy, asked = copy_account(wiring, workspace, is_rotated=is_rotated)
    stage = Stage(workspace=replace(workspace, manifest=selection.manifest), copy=copy, request=selection.request)
    begun = Rehearsal(
        owner=workspace.manifest.owner,
        manifest=workspace.manifest.path,
        provider=copy.snapshot.provider,
        dialect=copy.snapshot.laws.dialect,
        now=copy.snapshot.now,
        keys=selection.keys,
        left_out=selection.left_out,
        asked=asked,
    )
    return stage, begun


def copy_account(
    wiring: Wiring, workspace: Workspace, *, is_rotated: bool = True
) -> tuple[ChosenKeys, StateCopy, tuple[str, ...]]:
    """Return what is rehearsed, a copy of the present state of it, and what was asked for the copy.

    `is_rotated`: keys that are up to date are rotated; if not, all declarations are taken as they are.
    """
    manifest = workspace.manifest
    with ExitStack() as opened:
        ports = open_reader_ports(
            manifest,
            lambda settings: wiring.key_reader(settings, lineage=manifest.lineage, folder=workspace.folder),
            opened.callback,
        )
        sinks: dict[SinkName, SinkReader] = dict(read_only_sinks(wiring, workspace))
        readers = Readers(reader=ports.reader, ledger=read_only_ledger(wiring, workspace, ports), sinks=sinks)
        snapshot = observe(manifest, readers, now=wiring.clock.now(), is_preflight=workspace.is_preflight)
    selection = choose(manifest, snapshot) if is_rotated else take_all(manifest, snapshot)
    copy = copy_state(selection.manifest, selection.snapshot, sinks, is_shared=workspace.ledger.type != SQLITE)
    asked = (
        *_name_providers(manifest, snapshot),
        f"ledger {workspace.ledger_name}",
        *(f"sink {name}" for name in sinks),
    )
    return selection, copy, asked


def _name_providers(manifest: Manifest, snapshot: Snapshot) -> Iterator[str]:
    labels = label_providers(manifest)
    for one in manifest.providers:
        url = snapshot.further_urls.get(one.name, snapshot.provider)
        yield f"provider {labels[one.name]} at {url}" if labels else f"provider {url}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """A fault, and how it is brought about in a world."""

    kind: Mishap
    step: Step | None
    prepare: Callable[[World], object] = lambda _world: None
    ahead: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What every rehearsed run begins with."""

    workspace: Workspace
    copy: StateCopy
    request: Request

    def play_all(self) -> Iterator[RehearsedFault]:
        """Yield what came of each fault, the run without one first; in a fixed order."""
        steps: list[Step] = []
        yield self._play(_Fault(kind=Mishap.NOTHING, step=None), steps)
        for fault in self._list_faults(steps):
            yield self._play(fault, [])

    def _play(self, fault: _Fault, steps: list[Step]) -> RehearsedFault:
        """Return what came of a fault in a world of its own; `steps` gets the effects of the run."""
        world, current = World(self.copy, ahead=fault.ahead), Current()
        consumers, others = self._watch(world), list[RehearsedRun]()
        consumers.look(None)

        def note(name: str) -> None:
            steps.append(_make_step(world.effects.count, name, current.address))
            consumers.look(steps[-1])

        def meet() -> None:
            others.append(run_apply(world.second_machine(), self.workspace, self.request))

        world.effects.after = note
        fault.prepare(world)
        if fault.kind is Mishap.SECOND_RUNNER and fault.step:
            world.effects.visits[fault.step.number] = meet
        run = run_apply(world.here, self.workspace, self.request, current)
        # A run that was killed right after an effect has noted nothing of it.
        consumers.look(fault.step)
        dead = consumers.list_dead_places()
        consumers.begin_next_run()
        world.end_run()
        next_run = run_next(world.here, self.workspace, self._next_request, world.clock.advance)
        consumers.look(None)
        last = run_apply(world.here, self.workspace, self._next_request)
        return RehearsedFault(
            kind=fault.kind,
            step=fault.step,
            run=run,
            other=others[0] if others else None,
            next_run=next_run,
            moment=consumers.find_worst(),
            dead_places=dead,
            is_settled=all(action.blocked_by for action in last.actions),
        )

    def live_through(self, days: int) -> Iterator[RehearsedDay]:
        """Yield what an apply each day does, and what consumers suffer until the next day's."""
        world = World(self.copy)
        for _ in range(days):
            at, current, consumers = world.clock.now(), Current(), self._watch(world)
            consumers.look(None)
            world.effects.after = _follow_steps(world, current, consumers)
            run = run_apply(world.here, self.workspace, self.request, current)
            world.effects.after = lambda _name: None
            world.clock.advance(_DAY - (world.clock.now() - at))
            consumers.look(None)
            yield RehearsedDay(at=at, run=run, moments=consumers.list_moments())
            world.effects.restart()

    @property
    def _next_request(self) -> Request:
        """What the next run is asked for: nothing, and so no rotation a second time."""
        return replace(self.request, rotate=())

    def _watch(self, world: World) -> Consumers:
        manifest, sinks = self.workspace.manifest, world.here.copied_sinks
        places: dict[Place, Address] = {}
        for declared in manifest.keys:
            for delivery in declared.deliveries:
                slot = sinks[delivery.sink].locate(manifest.owner, declared, delivery)
                places[(slot.sink, slot.location)] = declared.address
        at_once = [one.address for one in manifest.keys if one.rotation.overlap == timedelta(0)]
        return Consumers(world, places, without_overlap=at_once)

    def _list_faults(self, steps: list[Step]) -> Iterator[_Fault]:
        for step in steps:
            yield _break_at(Mishap.KILLED_BEFORE, step, EffectFault.KILL_BEFORE)
            yield _break_at(Mishap.KILLED_AFTER, step, EffectFault.KILL_AFTER)
        for step in (one for one in steps if one.name.startswith(_LOSABLE)):
            yield _break_at(Mishap.ANSWER_LOST, step, EffectFault.ANSWER_LOST)
        for step in (_START, *(one for one in steps if one.name in _PROVIDER_CALLS)):
            yield _break_from(Mishap.THROTTLED, step, {"provider.*": _THROTTLED})
        for name in sorted(self.copy.sinks):
            yield from _list_outages(name, steps)
        yield from self._list_full_disks(steps)
        yield _Fault(kind=Mishap.CLOCK_AHEAD, step=None, ahead=_DAY)
        yield from (_Fault(kind=Mishap.SECOND_RUNNER, step=step) for step in steps if step.name in _MEETINGS)

    def _list_full_disks(self, steps: list[Step]) -> Iterator[_Fault]:
        """Yield the faults of a full disk; nothing if neither the ledger nor a sink is on this machine."""
        full, errors = "No space left on device", dict[str, KeyplanError]()
        if not self.copy.ledger.is_shared:
            error = LedgerError(f"the ledger cannot be written: {full}")
            errors |= dict.fromkeys((f"ledger.{verb}" for verb in _LEDGER_WRITES), error)
        for name, one in sorted(self.copy.sinks.items()):
            if one.real.abilities.is_local:
                failed = SinkUnavailableError(f"sink '{name}' cannot be written: {full}")
                errors |= dict.fromkeys((f"sink.{verb}:{name}" for verb in _SINK_WRITES), failed)
        if errors:
            for step in (_START, *(one for one in steps if one.name in ("provider.verify", "sink.put"))):
                yield _break_from(Mishap.DISK_FULL, step, errors)


_START = Step(number=0, name="")
_THROTTLED = ProviderUnavailableError("429 Too Many Requests, until the end of the patience")
_LEDGER_WRITES = ("lock", "open_intent", "close_intent", "record", "forget", "remember", "spend")
_SINK_WRITES = ("intend", "retract", "put", "annotate", "withdraw")


def _follow_steps(world: World, current: Current, consumers: Consumers) -> Callable[[str], None]:
    """Return what lets consumers look after each effect."""
    return lambda name: consumers.look(_make_step(world.effects.count, name, current.address))


def _make_step(number: int, name: str, address: Address | None) -> Step:
    verb, _, sink = name.partition(":")
    return Step(number=number, name=verb, sink=sink, address=address)


def _break_at(kind: Mishap, step: Step, fault: EffectFault) -> _Fault:
    return _Fault(kind=kind, step=step, prepare=lambda world: world.effects.inject_at(step.number, fault))


def _break_from(kind: Mishap, step: Step, errors: Mapping[str, KeyplanError]) -> _Fault:
    """Return the fault that lets effects and readings of these names fail, from a step to the end of the run."""

    def prepare(world: World) -> None:
        def fail() -> None:
            for pattern, error in errors.items():
                world.effects.inject(EffectFault.ERROR, pattern, times=-1, error=error)

        if step.number:
            world.effects.visits[step.number] = fail
        else:
            fail()

    return _Fault(kind=kind, step=step, prepare=prepare)


def _list_outages(name: SinkName, steps: list[Step]) -> Iterator[_Fault]:
    error = SinkUnavailableError(f"sink '{name}' cannot be reached")
    mine = [step for step in steps if step.sink == name and step.name in ("sink.intend", "sink.put")]
    for step in (_START, *mine):
        yield _break_from(Mishap.SINK_DOWN, replace(step, sink=name), {f"sink.*:{name}": error})
