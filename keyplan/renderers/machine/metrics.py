"""Metrics as a Prometheus text file, and the samples of a file that keyplan wrote.

The format is exposition format 0.0.4; the same samples give the same text. A sample must have no timestamp (the
textfile collector refuses those) and no label whose values grow without limit, but for the head of the history: there
is one at a time, and applies are few.

Source: prometheus.io, "Exposition formats" and "Metric and label naming".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from keyplan.renderers.sanitize import sanitize

Labels: TypeAlias = tuple[tuple[str, str], ...]

FAMILIES: Mapping[str, str] = {
    "keyplan_build_info": "Which keyplan wrote this; always 1.",
    "keyplan_run_last_timestamp_seconds": "When the last run ended, with or without errors.",
    "keyplan_run_duration_seconds": "How long the last run took.",
    "keyplan_run_last_success_timestamp_seconds": "When a run last checked the whole manifest; 0 for never.",
    "keyplan_plan_actions": "Actions that an apply would run now, by verb.",
    "keyplan_plan_blocked": "Actions that a guard holds back, and unmanaged keys that the manifest refuses.",
    "keyplan_drift_keys": "Findings that no waiver accepts, by kind.",
    "keyplan_keys": "Keys that the provider lists, managed by keyplan or not.",
    "keyplan_key_created_timestamp_seconds": "When the current key of a declaration was made.",
    "keyplan_key_expiration_timestamp_seconds": "When the current key of a declaration expires; absent for never.",
    "keyplan_key_last_used_timestamp_seconds": "When the current key was used last; absent if unknown.",
    "keyplan_key_next_rotation_timestamp_seconds": (
        "When keyplan will renew the key of a declaration; absent if it will not in the time that it looks ahead."
    ),
    "keyplan_key_retire_deadline_timestamp_seconds": "When the oldest superseded key of a declaration is due to go.",
    "keyplan_intents_open": "Effects that were begun and not finished; exhausted ones need a user.",
    "keyplan_intents_oldest_timestamp_seconds": "When the oldest open intent was written; absent if none is open.",
    "keyplan_orphans": "Live keys of keyplan whose raw key was lost.",
    "keyplan_history_info": "The head of the ledger's history, to verify it with later; always 1.",
    "keyplan_history_applies": "Applies that the ledger remembers.",
    "keyplan_leader": "Whether this process leads for the manifest: 1 or 0.",
    "keyplan_lease_number": "The fencing number of this process as the leader; 0 if it does not lead.",
    "keyplan_lease_losses_total": "Leaderships that this process lost without giving them up.",
    "keyplan_manifest_last_read_successful": "Whether the manifest could be read when it was last looked at.",
    "keyplan_round_duration_seconds": "How long the last round took.",
    "keyplan_round_next_timestamp_seconds": "When the next round begins; absent if this process does not lead.",
    "keyplan_round_failures": "Rounds that failed since the last one that ended well.",
    "keyplan_rounds_total": "Rounds of this process, by result.",
    "keyplan_actions_left": "Actions that the last plan left to a reviewed apply.",
    "keyplan_applies_total": "Applies of this process, by result.",
    "keyplan_actions_total": "Actions of the applies of this process, by verb and result.",
    "keyplan_leak_reports_total": "Reports of leaked keys that were sent to this process, by what became of them.",
    "keyplan_leak_searches_total": "Searches of this process for reported tokens, by result.",
    "keyplan_leaked_keys_total": "Keys that were found for reported tokens, by standing; again with each report.",
}
"""Every family that keyplan writes, in the order of the file, and its help. Those named `_total` are counters."""

_FIRST_LINE = "# Written by keyplan; the next run replaces this file."
_LABEL_WIDTH = 4000
"""Longer than any address: a cut one could be taken for another."""
_SAMPLE = re.compile(r"(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>[0-9.e+-]+)")
_LABEL = re.compile(r'(?P<name>[a-z_]+)="(?P<value>(?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\": r"\\", "\n": r"\n", '"': r"\""}
_MEANINGS = {escape: character for character, escape in _ESCAPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One number of one family."""

    name: str
    """In `FAMILIES`."""
    labels: Labels
    """Names and values; values are untrusted text."""
    value: float

    def label(self, name: str) -> str | None:
        """Return the value of a label; None if the sample has no such label."""
        return dict(self.labels).get(name)


def render_metrics(samples: Iterable[Sample]) -> str:
    """Return the content of a metrics file. Of two samples with the same labels the last counts."""
    families: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for sample in samples:
        families[sample.name][_format_labels(sample.labels)] = _format_number(sample.value)
    lines = [_FIRST_LINE]
    for name, purpose in FAMILIES.items():
        if name in families:
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# HELP {name} {purpose}", f"# TYPE {name} {kind}"]
            lines += [f"{name}{labels} {value}" for labels, value in sorted(families[name].items())]
    return "\n".join(lines) + "\n"


def read_metrics(text: str) -> Iterator[Sample]:
    """Yield the samples of a file that `render_metrics` wrote; none of any other file."""
    first, *lines = text.split("\n")
    if first != _FIRST_LINE:
        return
    for line in lines:
        found = _SAMPLE.fullmatch(line)
        if found and found["name"] in FAMILIES:
            labels = ((label["name"], _unescape(label["value"])) for label in _LABEL.finditer(found["labels"] or ""))
            yield Sample(name=found["name"], labels=tuple(labels), value=float(found["value"]))


def _format_labels(labels: Labels) -> str:
    pairs = (f'{name}="{_escape(sanitize(value, width=_LABEL_WIDTH))}"' for name, value in labels)
    return f"{{{','.join(pairs)}}}" if labels else ""


def _format_number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)


def _unescape(text: str) -> str:
    return re.sub(r"\\.", lambda found: _MEANINGS.get(found.group(), found.group()), text)
