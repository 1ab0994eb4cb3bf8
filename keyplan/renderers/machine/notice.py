"""What `keyplan drift` tells somebody who does not watch: one notice about all manifests of a run.

In: drifts, and manifests that could not be looked at. Out: a notice in every shape. Never: text that a chat would take
for a mention, a link with another name, or markup.

Sources: docs.slack.dev, "Formatting message text", "Incoming webhooks", "Blocks: section".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keyplan.errors import KeyplanError
from keyplan.model.drift import Drift, Finding, Kind
from keyplan.model.notice import Mood, Notice
from keyplan.renderers.sanitize import inert
from keyplan.renderers.words import join_words, say_count

FORMAT_VERSION = "1.0"
"""Of the JSON body. A minor version adds fields, a major one changes meaning."""

_MOST_FINDINGS = 100
"""In the JSON body, for each manifest; what is left out is counted."""
_MOST_LINES = 25
_WIDEST_LINE = 300
_LONGEST_SECTION = 3000 - len("\nand 1000000 more")
"""What Slack takes as the text of one section, escaped, less the last line."""
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MENTION = re.compile(r"@(?=\S)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A manifest that could not be looked at, or a run that never came to one."""

    manifest: str
    """Path as the user named it; empty where it failed before."""
    error: KeyplanError


def announce(
    drifts: Sequence[Drift], troubles: Sequence[Trouble], *, command: str, version: str, at: datetime
) -> Notice:
    """Return the notice of a run: failures first, then findings that somebody has to deal with."""
    mood = _judge(drifts, troubles)
    title = _harmless(_entitle(drifts, troubles))
    lines = [*map(_describe_trouble, troubles), *(line for drift in drifts for line in _describe_drift(drift))]
    text = "\n".join(_cut(lines))
    document = {
        "type": "keyplan.notice",
        "format_version": FORMAT_VERSION,
        "keyplan_version": version,
        "command": command,
        "at": at.isoformat(),
        "status": mood.value,
        "title": title,
        # The field that Mattermost, Google Chat and many others show.
        "text": f"{title}\n{text}".rstrip("\n"),
        "manifests": [_write_drift(drift) for drift in drifts],
        "failures": [_write_trouble(trouble) for trouble in troubles],
    }
    return Notice(mood=mood, title=title, text=text, document=document, slack=_write_slack(title, text))


def _judge(drifts: Sequence[Drift], troubles: Sequence[Trouble]) -> Mood:
    if troubles:
        return Mood.FAILED
    return Mood.DRIFT if any(drift.alarms for drift in drifts) else Mood.CALM


def _entitle(drifts: Sequence[Drift], troubles: Sequence[Trouble]) -> str:
    owners = join_words(sorted({drift.owner for drift in drifts}))
    about = f"keyplan, keys of {owners}" if owners else "keyplan"
    found = Counter(finding.kind for drift in drifts for finding in drift.alarms)
    counts = [f"{found[kind]} {kind.value}" for kind in Kind if found[kind]]
    failed = [say_count(len(troubles), "failure")] if troubles else []
    return f"{about}: {join_words([*failed, *counts]) or 'all is as declared'}"


def _describe_trouble(trouble: Trouble) -> str:
    where = f"{trouble.manifest}: " if trouble.manifest else ""
    hint = f" ({trouble.error.advice})" if trouble.error.advice else ""
    return _harmless(f"failed: {where}{trouble.error.message}{hint}")


def _describe_drift(drift: Drift) -> Iterator[str]:
    for finding in drift.alarms:
        detail = f": {finding.detail}" if finding.detail else ""
        advice = f" ({finding.advice})" if finding.advice else ""
        cause = finding.cause.value.replace("_", " ")
        yield _harmless(f"{finding.kind.value}: {_name(finding)}: {cause}{detail}{advice} [{drift.manifest}]")


def _name(finding: Finding) -> str:
    return finding.address or f"{finding.name} ({finding.key_id or 'no id'})"


def _cut(lines: list[str]) -> list[str]:
    """Return as many lines as a chat shows, and how many more there are."""
    kept = lines[:_MOST_LINES]
    while sum(len(line.translate(_ENTITIES)) + 1 for line in kept) > _LONGEST_SECTION:
        kept.pop()
    left_out = len(lines) - len(kept)
    return [*kept, f"and {left_out} more"] if left_out else kept


def _harmless(text: str) -> str:
    """Return text on one line in which no chat finds a mention: ``@here`` and ``<!channel>`` name nobody."""
    return _MENTION.sub("@ ", inert(text, width=_WIDEST_LINE))


def _write_slack(title: str, text: str) -> dict[str, Any]:
    """Return the body for an incoming webhook. Plain text is neither markup nor links there."""
    escaped = [part.translate(_ENTITIES) for part in (title, text) if part]
    return {
        "text": "\n".join(escaped),
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [{"type": "section", "text": _plain(part)} for part in escaped],
    }


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _write_drift(drift: Drift) -> dict[str, Any]:
    shown, found = drift.alarms[:_MOST_FINDINGS], Counter(finding.kind for finding in drift.alarms)
    return {
        "manifest": drift.manifest,
        "owner": drift.owner,
        "provider": drift.provider,
        "at": drift.at.isoformat(),
        "counts": {kind.value: found[kind] for kind in drift.kinds},
        "accepted": len(drift.accepted),
        "findings": [_write_finding(finding) for finding in shown],
        "left_out": len(drift.alarms) - len(shown),
    }


def _write_finding(finding: Finding) -> dict[str, Any]:
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


def _write_trouble(trouble: Trouble) -> dict[str, Any]:
    return {
        "manifest": trouble.manifest or None,
        "message": trouble.error.message,
        "advice": trouble.error.advice,
        "exit_status": trouble.error.exit_status,
    }
