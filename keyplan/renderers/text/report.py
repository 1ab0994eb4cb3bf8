"""Reports as text for a terminal, after an apply: what was done, what was not, and what the next run will do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from keyplan.model.plan import Action
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome, Report
from keyplan.renderers.descriptions import describe_places
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import PLAIN, Palette, Tone
from keyplan.renderers.summary import describe_head, summarize_reports
from keyplan.renderers.words import PAST, choose_sign, format_reason

_INDENT = " " * 6
_SIGNALS = {1: "SIGHUP", 2: "SIGINT", 15: "SIGTERM"}
_LONG = 1000


def render_reports(reports: Sequence[Report], palette: Palette = PLAIN) -> str:
    """Return the reports as text, each under the name of its manifest, and the summary of all as the last line."""
    texts = [render_report(report, palette) for report in reports]
    if len(texts) == 1:
        return texts[0]
    parts = [f"{sanitize(report.manifest)}\n\n{text}" for report, text in zip(reports, texts, strict=True)]
    last = palette.paint(Tone.STRONG, summarize_reports(reports))
    return "\n".join([*parts, f"{len(reports)} manifests\n{last}\n"])


def render_report(report: Report, palette: Palette = PLAIN) -> str:
    """Return the report as text, its summary as the last line."""
    blocks = [
        [line for outcome in report.outcomes for line in _describe(outcome, palette)],
        [_describe_left(action, palette) for action in report.left],
        list(_list_remarks(report)),
        [palette.paint(Tone.STRONG, summarize_reports([report]))],
    ]
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks if block)


def _list_remarks(report: Report) -> Iterator[str]:
    if report.interrupted_by is not None:
        signal = _SIGNALS.get(report.interrupted_by, f"signal {report.interrupted_by}")
        yield f"Stopped by {signal}. The next apply continues from here."
    yield from describe_head(report)


def _describe(outcome: Outcome, palette: Palette) -> Iterator[str]:
    match outcome:
        case Done():
            yield _describe_done(outcome, palette)
            yield from _label("stored in", outcome.delivered)
            yield from (f"{_INDENT}{label:<12} {text}" for label, text in describe_places(outcome.action))
            yield from _label("note", outcome.notes)
        case Failed():
            yield _describe_undone("failed", outcome.action, outcome.message, palette)
            yield from _label("what to do", [outcome.advice])
            yield from _label("next run", [outcome.next_run])
        case InDoubt():
            yield _describe_undone("in doubt", outcome.action, outcome.message, palette)
            yield from _label("next run", [outcome.next_run])
        case NotTried():
            yield _describe_undone("not tried", outcome.action, outcome.why, palette)
        case _:
            assert_never(outcome)


def _describe_done(outcome: Done, palette: Palette) -> str:
    sign, tone = choose_sign(outcome.action)
    mark = palette.paint(tone, f"{sign:<3} {PAST[outcome.action.verb]:<9}")
    key = f"  key {sanitize(outcome.key_id)}" if outcome.key_id else ""
    return f"  {mark}  {sanitize(outcome.action.address)}{key}"


def _describe_undone(word: str, action: Action, message: str, palette: Palette) -> str:
    mark = palette.paint(Tone.ALARM, f"!   {word:<9}")
    return f"  {mark}  {action.verb.value} {sanitize(action.address)}: {sanitize(message, width=_LONG)}"


def _describe_left(action: Action, palette: Palette) -> str:
    mark = palette.paint(Tone.FAINT, f"    {'left':<9}")
    return f"  {mark}  {action.verb.value} {sanitize(action.address)}: {format_reason(action)}"


def _label(label: str, texts: tuple[str, ...] | list[str]) -> Iterator[str]:
    for text in filter(None, texts):
        yield f"{_INDENT}{label:<12} {sanitize(text, width=_LONG)}"
