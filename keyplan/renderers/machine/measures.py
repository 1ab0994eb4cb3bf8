"""The samples of a run: what drift, plan, snapshot and calendar of each manifest come to in numbers.

No number is made up for a manifest that failed: its samples of the run before stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from keyplan.model.calendar import Calendar, Happening
from keyplan.model.drift import Drift
from keyplan.model.identity import ONLY_PROVIDER, Address
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Observation, Snapshot
from keyplan.model.plan import FreshPlan, PlannedAction, Reason, Verb
from keyplan.model.receipt import MOST_ATTEMPTS, UNKNOWN_TIME
from keyplan.renderers.machine.metrics import Labels, Sample

_OLD_KEYS = (Reason.SUPERSEDED, Reason.OVERLAPPING, Reason.STILL_USED)
_ACTIVE, _EXPIRED, _REVOKED, _UNKNOWN = "active", "expired", "revoked", "unknown"
_OPEN, _EXHAUSTED = "open", "exhausted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """Everything that a run found out about one manifest."""

    drift: Drift
    plan: FreshPlan
    snapshot: Snapshot
    calendar: Calendar
    """As far ahead as the user wants warnings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a command over manifests."""

    command: str
    version: str
    started_at: datetime
    finished_at: datetime
    inspections: tuple[Inspection, ...] = ()
    failed: Collection[str] | None = ()
    """Paths of manifests that failed; None if the run failed before they were known."""


def measure(run: Run, former: Sequence[Sample]) -> Iterator[Sample]:
    """Yield the samples of a run; of what failed, those of the run before."""
    command = (("command", run.command),)
    yield Sample(name="keyplan_build_info", labels=(("version", run.version),), value=1)
    yield _at("keyplan_run_last_timestamp_seconds", command, run.finished_at)
    duration = (run.finished_at - run.started_at).total_seconds()
    yield Sample(name="keyplan_run_duration_seconds", labels=command, value=max(0.0, duration))
    for inspection in run.inspections:
        identity = label_manifest(inspection.plan.manifest, inspection.plan.owner)
        yield _at("keyplan_run_last_success_timestamp_seconds", (*command, *identity), run.finished_at)
        yield from measure_inspection(inspection)
    yield from _keep(run, former)


def _keep(run: Run, former: Sequence[Sample]) -> Iterator[Sample]:
    """Yield the earlier samples of manifests that failed now: a failure must not end an alarm about their keys."""
    seen = {inspection.plan.manifest for inspection in run.inspections}
    known = {manifest for sample in former if (manifest := sample.label("manifest")) is not None}
    failed = (known if run.failed is None else set(run.failed)) - seen
    yield from (sample for sample in former if sample.label("manifest") in failed)
    for manifest in sorted(failed - known):
        labels = (("command", run.command), *label_manifest(manifest, ""))
        yield Sample(name="keyplan_run_last_success_timestamp_seconds", labels=labels, value=0)


def label_manifest(manifest: str, owner: str) -> Labels:
    """Return the labels that identify a manifest."""
    # The owner alone does not identify a manifest: one team may use the same owner in two accounts.
    return ("manifest", manifest), ("owner", owner)


def measure_inspection(inspection: Inspection) -> Iterator[Sample]:
    """Yield the samples of what was found out about one manifest."""
    identity = label_manifest(inspection.plan.manifest, inspection.plan.owner)
    unblocked = Counter(action.verb for action in inspection.plan.actions if action.blocked is None)
    for verb in Verb:
        yield Sample(name="keyplan_plan_actions", labels=(*identity, ("action", verb.value)), value=unblocked[verb])
    yield Sample(name="keyplan_plan_blocked", labels=identity, value=inspection.plan.summary.blocked)
    # Only these kinds: 0 for a kind that was not checked would be a false all-clear.
    for kind in inspection.drift.kinds:
        labels = (*identity, ("kind", kind.value))
        yield Sample(name="keyplan_drift_keys", labels=labels, value=inspection.drift.count(kind))
    yield from _count_keys(inspection.snapshot, identity)
    yield from _measure_declarations(inspection, identity)
    yield from _count_intents(inspection, identity)
    # Planning gives the reason `unfinished` to a key whose raw key was lost between create or refresh and delivery.
    orphans = {
        action.key_id for action in inspection.plan.actions if action.reason is Reason.UNFINISHED and action.key_id
    }
    yield Sample(name="keyplan_orphans", labels=identity, value=len(orphans))
    if head := inspection.snapshot.history_head:
        # Its value is a label, as of any `_info`: a series of another head begins with each apply.
        yield Sample(name="keyplan_history_info", labels=(*identity, ("head", head)), value=1)
        yield Sample(name="keyplan_history_applies", labels=identity, value=inspection.snapshot.serial)


def _count_keys(snapshot: Snapshot, identity: Labels) -> Iterator[Sample]:
    urls = {ONLY_PROVIDER: snapshot.provider, **snapshot.further_urls}
    found = Counter((urls[key.provider], _type_of(key), _status_of(key, snapshot.now)) for key in snapshot.keys)
    usual = product(urls.values(), (KeyType.USER.value, KeyType.SERVICE.value), (_ACTIVE, _EXPIRED, _REVOKED))
    for account, key_type, status in sorted({*usual, *found}):
        labels = (*identity, ("account", account), ("type", key_type), ("status", status))
        yield Sample(name="keyplan_keys", labels=labels, value=found[account, key_type, status])


def _type_of(key: Observation) -> str:
    return key.key_type.value if key.key_type else _UNKNOWN


def _status_of(key: Observation, now: datetime) -> str:
    if not key.active:
        return _REVOKED
    return _EXPIRED if key.expires_before(now) else _ACTIVE


def _measure_declarations(inspection: Inspection, identity: Labels) -> Iterator[Sample]:
    for action in inspection.plan.actions:
        if action.basis.desired and action.basis.key and not _concerns_old_key(action):
            labels = (*identity, ("address", action.address))
            yield from _measure_key(action.basis.key, labels)
            if action.basis.superseded:
                deadline = min(old.delete_after for old in action.basis.superseded)
                yield _at("keyplan_key_retire_deadline_timestamp_seconds", labels, deadline)
    for address, at in _find_rotations(inspection.calendar).items():
        yield _at("keyplan_key_next_rotation_timestamp_seconds", (*identity, ("address", address)), at)


def _concerns_old_key(action: PlannedAction) -> bool:
    is_lost = action.reason is Reason.UNFINISHED and action.verb is Verb.DELETE
    return is_lost or action.reason in _OLD_KEYS


def _measure_key(key: Observation, labels: Labels) -> Iterator[Sample]:
    if key.created_at != UNKNOWN_TIME:
        yield _at("keyplan_key_created_timestamp_seconds", labels, key.created_at)
    if key.expires_at:
        yield _at("keyplan_key_expiration_timestamp_seconds", labels, key.expires_at)
    if key.last_used_at:
        yield _at("keyplan_key_last_used_timestamp_seconds", labels, key.last_used_at)


def _find_rotations(calendar: Calendar) -> dict[Address, datetime]:
    """Return the first rotation of each declaration that no guard blocks."""
    first: dict[Address, datetime] = {}
    for event in calendar.events:
        if event.happening is Happening.ROTATES and event.guard is None:
            first.setdefault(event.address, event.at)
    return first


def _count_intents(inspection: Inspection, identity: Labels) -> Iterator[Sample]:
    intents = [intent for intent in inspection.snapshot.intents if intent.owner == inspection.plan.owner]
    counts = Counter(_EXHAUSTED if intent.attempts >= MOST_ATTEMPTS else _OPEN for intent in intents)
    for state in (_OPEN, _EXHAUSTED):
        yield Sample(name="keyplan_intents_open", labels=(*identity, ("state", state)), value=counts[state])
    if intents:
        yield _at("keyplan_intents_oldest_timestamp_seconds", identity, min(intent.at for intent in intents))


def _at(name: str, labels: Labels, instant: datetime) -> Sample:
    return Sample(name=name, labels=labels, value=instant.timestamp())
