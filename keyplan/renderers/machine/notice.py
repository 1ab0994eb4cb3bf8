"""Notifications about a run of `keyplan drift`, and about leaked keys: one notice, in every shape that targets take.

No text may become a mention, a link with another name, or markup in a chat.

Sources: docs.slack.dev, "Formatting message text", "Incoming webhooks", "Blocks: section".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from keyplan.documents.plan import write_further
from keyplan.errors import KeyplanError
from keyplan.model.drift import Drift, DriftFinding, DriftKind
from keyplan.model.leak_report import ReportedLeak
from keyplan.model.manifest import Json
from keyplan.model.notice import Mood, Notice
from keyplan.renderers.reported_leaks import advise_on_leak, describe_reported_leak, write_reported_leak
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.words import format_count, join_words

FORMAT_VERSION = "1.0"
"""Of the JSON body. A minor version adds fields, a major one changes meaning."""

_FINDINGS_SHOWN = 100
"""In the JSON body, for each manifest; what is left out is counted."""
_LINES_SHOWN = 25
_LINE_WIDTH = 300
_LONGEST_SECTION = 3000 - len("\nand 1000000 more")
"""What Slack takes as the text of one section, escaped, less the last line."""
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MENTION = re.compile(r"@(?=\S)")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedManifest:
    """A manifest that failed, or a run that failed before its first manifest."""

    manifest: str
    """Path as the user named it; empty if the run failed before its first manifest."""
    error: KeyplanError


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakedKeys:
    """Keys of one manifest's account that were reported as leaked."""

    manifest: str
    """Path as the user named it."""
    owner: str
    keys: tuple[ReportedLeak, ...]


def build_notice(
    drifts: Sequence[Drift], failures: Sequence[FailedManifest], *, command: str, version: str, at: datetime
) -> Notice:
    """Return the notice of a run: failures first, then findings that need an action."""
    title = _sanitize(_format_title(drifts, failures))
    lines = [*map(_describe_failure, failures), *(line for drift in drifts for line in _describe_drift(drift))]
    document: dict[str, Json] = {
        "keyplan_version": version,
        "command": command,
        "at": at.isoformat(),
        "manifests": [_format_drift(drift) for drift in drifts],
        "failures": [_format_failure(failure) for failure in failures],
    }
    return _assemble(_choose_mood(drifts, failures), title, lines, document)


def build_leak_notice(leaked: LeakedKeys, *, command: str, version: str, at: datetime) -> Notice:
    """Return the notice about keys that were reported as leaked."""
    counted = format_count(len(leaked.keys), "key")
    title = _sanitize(f"keyplan, keys of {leaked.owner}: {counted} reported as leaked")
    document: dict[str, Json] = {
        "keyplan_version": version,
        "command": command,
        "at": at.isoformat(),
        "manifests": [],
        "failures": [],
        "leaks": [{"manifest": leaked.manifest, **write_reported_leak(one)} for one in leaked.keys[:_FINDINGS_SHOWN]],
    }
    return _assemble(Mood.FAILED, title, list(_describe_leaks(leaked)), document)


def _assemble(mood: Mood, title: str, lines: list[str], document: Mapping[str, Json]) -> Notice:
    text = "\n".join(_shorten(lines))
    whole: dict[str, Json] = {
        "type": "keyplan.notice",
        "format_version": FORMAT_VERSION,
        "status": mood.value,
        "title": title,
        # The field that Mattermost, Google Chat and many others show.
        "text": f"{title}\n{text}".rstrip("\n"),
        **document,
    }
    return Notice(mood=mood, title=title, text=text, document=whole, slack=_format_slack(title, text))


def _describe_leaks(leaked: LeakedKeys) -> Iterator[str]:
    for one in leaked.keys:
        # Lines of their own: a long URL must not cut off what to type.
        yield _sanitize(f"{describe_reported_leak(one)} [{leaked.manifest}]")
        yield _sanitize(advise_on_leak(one, leaked.manifest))


def _choose_mood(drifts: Sequence[Drift], failures: Sequence[FailedManifest]) -> Mood:
    if failures:
        return Mood.FAILED
    return Mood.DRIFT if any(drift.alarms for drift in drifts) else Mood.CALM


def _format_title(drifts: Sequence[Drift], failures: Sequence[FailedManifest]) -> str:
    owners = join_words(sorted({drift.owner for drift in drifts}))
    about = f"keyplan, keys of {owners}" if owners else "keyplan"
    found = Counter(finding.kind for drift in drifts for finding in drift.alarms)
    counts = [f"{found[kind]} {kind.value}" for kind in DriftKind if found[kind]]
    failed = [format_count(len(failures), "failure")] if failures else []
    return f"{about}: {join_words([*failed, *counts]) or 'all is as declared'}"


def _describe_failure(failure: FailedManifest) -> str:
    where = f"{failure.manifest}: " if failure.manifest else ""
    hint = f" ({failure.error.advice})" if failure.error.advice else ""
    return _sanitize(f"failed: {where}{failure.error.message}{hint}")


def _describe_drift(drift: Drift) -> Iterator[str]:
    for finding in drift.alarms:
        detail = f": {finding.detail}" if finding.detail else ""
        advice = f" ({finding.advice})" if finding.advice else ""
        cause = finding.cause.value.replace("_", " ")
        yield _sanitize(f"{finding.kind.value}: {_name_finding(finding)}: {cause}{detail}{advice} [{drift.manifest}]")


def _name_finding(finding: DriftFinding) -> str:
    return finding.address or f"{finding.name} ({finding.key_id or 'no id'})"


def _shorten(lines: list[str]) -> list[str]:
    """Return as many lines as a chat shows, and how many more there are."""
    kept = lines[:_LINES_SHOWN]
    while sum(len(line.translate(_ENTITIES)) + 1 for line in kept) > _LONGEST_SECTION:
        kept.pop()
    left_out = len(lines) - len(kept)
    return [*kept, f"and {left_out} more"] if left_out else kept


def _sanitize(text: str) -> str:
    """Return text on one line in which no chat finds a mention such as ``@here`` or ``<!channel>``."""
    return _MENTION.sub("@ ", sanitize(text, width=_LINE_WIDTH))


def _format_slack(title: str, text: str) -> dict[str, Json]:
    """Return the body for an incoming webhook. Plain text is neither markup nor links there."""
    escaped = [part.translate(_ENTITIES) for part in (title, text) if part]
    return {
        "text": "\n".join(escaped),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [{"type": "section", "text": _format_plain(part)} for part in escaped],
    }


def _format_plain(text: str) -> dict[str, Json]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _format_drift(drift: Drift) -> dict[str, Json]:
    shown, found = drift.alarms[:_FINDINGS_SHOWN], Counter(finding.kind for finding in drift.alarms)
    return {
        "manifest": drift.manifest,
        "owner": drift.owner,
        "provider": drift.provider,
        **write_further(drift.further_providers),
        "at": drift.at.isoformat(),
        "counts": {kind.value: found[kind] for kind in drift.kinds},
        "accepted": len(drift.accepted),
        "findings": [_format_finding(finding) for finding in shown],
        "left_out": len(drift.alarms) - len(shown),
    }


def _format_finding(finding: DriftFinding) -> dict[str, Json]:
    return {
        "kind": finding.kind.value,
        "cause": finding.cause.value,
        "address": finding.address,
        "name": finding.name,
        "key_id": finding.key_id,
        "detail": finding.detail,
        "advice": finding.advice,
        "expires_at": finding.expires_at.isoformat() if finding.expires_at else None,
    }


def _format_failure(failure: FailedManifest) -> dict[str, Json]:
    return {
        "manifest": failure.manifest or None,
        "message": failure.error.message,
        "advice": failure.error.advice,
        "exit_status": failure.error.exit_status,
    }
