"""Drifts as text for a terminal: what changed outside keyplan, then what an apply would do, then what was accepted.

The counts are the last line. A colour never stands without its word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from keyplan.model.drift import Drift, DriftFinding, DriftKind
from keyplan.model.times import show_time
from keyplan.renderers.descriptions import describe_finding, name_finding
from keyplan.renderers.drift_summary import list_drift_remarks, summarize_drifts
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import PLAIN, Palette, Tone

UNMANAGED_SHOWN = 20
"""Upper bound of the unmanaged keys that are named; the rest is counted."""

_LONG = 1000
_INDENT = " " * 6
_WORD_WIDTH = 17
_HEADINGS: Mapping[DriftKind, tuple[str, Tone]] = {
    DriftKind.DRIFT: ("Drift: changed outside keyplan.", Tone.ALARM),
    DriftKind.PENDING: ("Pending: the manifest changed, or time passed.", Tone.CHANGE),
    DriftKind.UNMANAGED: ("Unmanaged: live keys that the manifest does not declare.", Tone.CHANGE),
    DriftKind.EXPIRING: ("Expiring: keys that expire soon.", Tone.CHANGE),
}


def render_drift(drift: Drift, palette: Palette = PLAIN) -> str:
    """Return the drift as text."""
    blocks = [
        [_head(drift)],
        *(list(_describe_kind(drift, kind, palette)) for kind in drift.kinds),
        list(_describe_accepted(drift, palette)),
        [f"{palette.paint(Tone.CHANGE, 'Warning:')} {sanitize(text, width=_LONG)}" for text in drift.warnings],
        list(list_drift_remarks(drift)),
        [palette.paint(Tone.STRONG, summarize_drifts([drift]))],
    ]
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks if block)


def render_drifts(drifts: Sequence[Drift], palette: Palette = PLAIN) -> str:
    """Return the drifts as text, the summary of all as the last line."""
    texts = [render_drift(drift, palette) for drift in drifts]
    if len(texts) == 1:
        return texts[0]
    last = palette.paint(Tone.STRONG, summarize_drifts(drifts))
    return "\n".join([*texts, f"{len(drifts)} manifests\n{last}\n"])


def _head(drift: Drift) -> str:
    owner, manifest, provider = sanitize(drift.owner), sanitize(drift.manifest), sanitize(drift.provider)
    return f"Keys of {owner} in {manifest}, at {provider} ({sanitize(drift.dialect)} API), {show_time(drift.at)}"


def _describe_kind(drift: Drift, kind: DriftKind, palette: Palette) -> Iterator[str]:
    findings = [finding for finding in drift.open if finding.kind is kind]
    if not findings:
        return
    heading, tone = _HEADINGS[kind]
    yield palette.paint(tone, heading)
    shown = findings[:UNMANAGED_SHOWN] if kind is DriftKind.UNMANAGED else findings
    for finding in shown:
        yield from _describe(finding, "." if finding.is_report_only else "!", palette)
    if len(findings) > len(shown):
        yield f"{_INDENT}and {len(findings) - len(shown)} more; keyplan list shows all"


def _describe_accepted(drift: Drift, palette: Palette) -> Iterator[str]:
    if drift.accepted:
        yield palette.paint(Tone.FAINT, "Accepted: as the manifest's waivers say.")
        for finding in drift.accepted:
            yield from _describe(finding, "=", palette)


def _describe(finding: DriftFinding, mark: str, palette: Palette) -> Iterator[str]:
    tone = Tone.ALARM if mark == "!" else Tone.FAINT
    sign = palette.paint(tone, f"{mark} {finding.cause.value:<{_WORD_WIDTH}}")
    yield f"  {sign}  {sanitize(name_finding(finding))}"
    for label, text in describe_finding(finding):
        yield f"{_INDENT}{label:<12} {sanitize(text, width=_LONG)}"
    if finding.advice and not finding.waiver:
        yield f"{_INDENT}{'what to do':<12} {sanitize(finding.advice, width=_LONG)}"
