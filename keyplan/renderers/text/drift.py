"""Drifts as text for a terminal: what changed outside keyplan, then what an apply would do, then what was accepted.

The counts are the last line. A colour never stands without its word.
"""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.model.drift import Cause, Drift, DriftFinding, DriftKind
from keyplan.model.times import show_time
from keyplan.renderers.descriptions import describe_finding, name_finding
from keyplan.renderers.drift_summary import list_drift_remarks, summarize_drifts
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import Palette, Style, Tone
from keyplan.renderers.summary import name_providers
from keyplan.renderers.text.layout import Line, render_blocks
from keyplan.renderers.text.rows import FOLDED, WHAT_TO_DO, TextRow, is_folded, list_lines, split_address
from keyplan.renderers.words import DRIFT_HEADINGS

_LONG = 1000
_WORD_WIDTH = 17
_CAUSES = {cause: number for number, cause in enumerate(Cause)}
_PLAIN_STYLE = Style()


def render_drift(drift: Drift, style: Style = _PLAIN_STYLE) -> str:
    """Return the drift as text."""
    sections = [(_make_heading(kind, style.palette), _build_rows(drift, kind, style.palette)) for kind in drift.kinds]
    accepted = [_build_row(finding, "=", style.palette) for finding in drift.accepted]
    heading = Line(prefix=style.palette.paint(Tone.FAINT, "Accepted: as the manifest's waivers say."))
    sections.append((heading, accepted))
    folded = any(is_folded(rows, is_verbose=style.is_verbose) for _, rows in sections)
    blocks = [
        [_head(drift)],
        *([first, *list_lines(rows, is_verbose=style.is_verbose)] for first, rows in sections if rows),
        [_warn(text, style.palette) for text in drift.warnings],
        [*([Line(text=FOLDED)] if folded else []), *(Line(text=text) for text in list_drift_remarks(drift))],
        [Line(text=summarize_drifts([drift]), tone=Tone.STRONG)],
    ]
    return render_blocks(blocks, style)


def render_drifts(drifts: Sequence[Drift], style: Style = _PLAIN_STYLE) -> str:
    """Return the drifts as text, the summary of all as the last line."""
    texts = [render_drift(drift, style) for drift in drifts]
    if len(texts) == 1:
        return texts[0]
    last = [Line(text=f"{len(drifts)} manifests"), Line(text=summarize_drifts(drifts), tone=Tone.STRONG)]
    return "\n".join([*texts, render_blocks([last], style)])


def _head(drift: Drift) -> Line:
    owner, manifest = sanitize(drift.owner), sanitize(drift.manifest)
    return Line(text=f"Keys of {owner} in {manifest}, at {name_providers(drift)}, {show_time(drift.at)}")


def _make_heading(kind: DriftKind, palette: Palette) -> Line:
    heading, tone = DRIFT_HEADINGS[kind]
    return Line(prefix=palette.paint(tone, heading))


def _warn(text: str, palette: Palette) -> Line:
    return Line(prefix=f"{palette.paint(Tone.CHANGE, 'Warning:')} ", text=sanitize(text, width=_LONG), hang=2)


def _build_rows(drift: Drift, kind: DriftKind, palette: Palette) -> list[TextRow]:
    """Return rows of one kind: those that need an action first, then by cause and subject."""

    def rank(finding: DriftFinding) -> tuple[bool, int, str, str]:
        guard = finding.guard.value if finding.guard else ""
        return finding.is_report_only, _CAUSES[finding.cause], guard, name_finding(finding)

    findings = sorted((finding for finding in drift.open if finding.kind is kind), key=rank)
    return [_build_row(finding, "." if finding.is_report_only else "!", palette) for finding in findings]


def _build_row(finding: DriftFinding, mark: str, palette: Palette) -> TextRow:
    tone = Tone.ALARM if mark == "!" else Tone.FAINT
    space, name = split_address(finding.address or finding.name)
    advice = () if not finding.advice or finding.waiver else ((WHAT_TO_DO, finding.advice),)
    details = (*describe_finding(finding), *advice)
    return TextRow(
        kind=(mark, finding.cause, finding.guard),
        mark=f"  {palette.paint(tone, f'{mark} {finding.cause.value:<{_WORD_WIDTH}}')}  ",
        subject=sanitize(name_finding(finding)),
        space=space,
        name=name,
        details=tuple((label, sanitize(text, width=_LONG)) for label, text in details),
        is_dangerous=mark == "!",
        # The ids of unmanaged keys are shown only here and in `keyplan list`.
        stays_open=finding.cause is Cause.UNMANAGED,
    )
