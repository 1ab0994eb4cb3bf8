"""What `keyplan watch` serves and logs: the samples of its manifests' statuses, and its own events.

Source: prometheus.io, "Metric and label naming": counters end in `_total` and start at 0 with the process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import product

from keyplan.model.leak import LeakStanding
from keyplan.model.leak_report import ReportFate, SearchResult
from keyplan.model.manifest import Json
from keyplan.model.plan import Verb
from keyplan.model.watch import ApplyResult, ManifestStatus, RoundResult, WatchEvent
from keyplan.renderers.machine.events import make_event
from keyplan.renderers.machine.measures import label_manifest
from keyplan.renderers.machine.metrics import Labels, Sample
from keyplan.renderers.reported_leaks import write_reported_leak
from keyplan.renderers.sanitize import sanitize

_COMMAND = (("command", "watch"),)
_USUAL_RESULTS = ("done", "failed")


def measure_watch(statuses: Iterable[ManifestStatus], *, version: str, ended_at: datetime | None) -> Iterator[Sample]:
    """Yield the samples of a watch, without those of its looks; `ended_at` is when a round last ended."""
    known = tuple(statuses)
    yield Sample(name="keyplan_build_info", labels=(("version", version),), value=1)
    # Of a process that stands by, an alert would read it as a run that never succeeded.
    if ended_at and any(status.is_leader for status in known):
        yield Sample(name="keyplan_run_last_timestamp_seconds", labels=_COMMAND, value=ended_at.timestamp())
    for status in known:
        labels = label_manifest(status.manifest, status.owner)
        yield from _measure_leadership(status, labels)
        yield from _measure_rounds(status, labels)
        yield from _count(status, labels)


def measure_leaks(fates: Mapping[ReportFate, int], statuses: Iterable[ManifestStatus]) -> Iterator[Sample]:
    """Yield the samples about reports of leaked keys, zeros included; `fates` counts what became of the messages."""
    for fate, number in fates.items():
        yield Sample(name="keyplan_leak_reports_total", labels=(("result", fate.value),), value=number)
    for status in statuses:
        labels = label_manifest(status.manifest, status.owner)
        for result in SearchResult:
            value = status.leak_searches.get(result, 0)
            yield Sample(name="keyplan_leak_searches_total", labels=(*labels, ("result", result.value)), value=value)
        for standing in LeakStanding:
            value = status.leaked_keys.get(standing, 0)
            yield Sample(name="keyplan_leaked_keys_total", labels=(*labels, ("standing", standing.value)), value=value)


def describe_watch(event: WatchEvent) -> dict[str, Json]:
    """Return an event of a watch as JSON values, without its time."""
    fields: dict[str, Json] = {"watch": {"event": event.news.value, "advice": sanitize(event.advice, width=1000)}}
    if event.manifest:
        fields["manifest"] = event.manifest
    if event.leak:
        fields["leak"] = write_reported_leak(event.leak)
    return make_event("watch", event.message, level="error" if event.is_error else "info", **fields)


def _measure_leadership(status: ManifestStatus, labels: Labels) -> Iterator[Sample]:
    yield Sample(name="keyplan_manifest_last_read_successful", labels=labels, value=status.is_readable)
    yield Sample(name="keyplan_leader", labels=labels, value=status.is_leader)
    yield Sample(name="keyplan_lease_number", labels=labels, value=status.number)
    yield Sample(name="keyplan_lease_losses_total", labels=labels, value=status.losses)


def _measure_rounds(status: ManifestStatus, labels: Labels) -> Iterator[Sample]:
    # Of a process that stands by they would look like a failure.
    if not status.is_leader:
        return
    # Nothing is known right after a takeover: 0, for never, would alarm.
    if status.succeeded_at or status.failures:
        succeeded = status.succeeded_at.timestamp() if status.succeeded_at else 0
        yield Sample(name="keyplan_run_last_success_timestamp_seconds", labels=(*_COMMAND, *labels), value=succeeded)
    yield Sample(name="keyplan_round_failures", labels=labels, value=status.failures)
    yield Sample(name="keyplan_actions_left", labels=labels, value=status.left)
    if status.duration_seconds is not None:
        yield Sample(name="keyplan_round_duration_seconds", labels=labels, value=status.duration_seconds)
    if status.next_at:
        yield Sample(name="keyplan_round_next_timestamp_seconds", labels=labels, value=status.next_at.timestamp())


def _count(status: ManifestStatus, labels: Labels) -> Iterator[Sample]:
    """Yield the counters, zeros included: a counter that appears with its first event shows no increase."""
    for result in RoundResult:
        value = status.rounds.get(result, 0)
        yield Sample(name="keyplan_rounds_total", labels=(*labels, ("result", result.value)), value=value)
    for outcome in ApplyResult:
        value = status.applies.get(outcome, 0)
        yield Sample(name="keyplan_applies_total", labels=(*labels, ("result", outcome.value)), value=value)
    usual = product([verb for verb in Verb if verb is not Verb.KEEP], _USUAL_RESULTS)
    for verb, word in sorted({*usual, *status.actions}, key=lambda pair: (pair[0].value, pair[1])):
        value = status.actions.get((verb, word), 0)
        named = (("action", verb.value), ("result", word))
        yield Sample(name="keyplan_actions_total", labels=(*labels, *named), value=value)
