"""Reports as text for a terminal, after an apply: what was not done, what was done, and what the next run will do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from keyplan.model.plan import Action
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome, Report
from keyplan.renderers.danger import order_actions
from keyplan.renderers.descriptions import describe_places
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import Palette, Style, Tone
from keyplan.renderers.summary import describe_head, summarize_reports
from keyplan.renderers.text.layout import Line, render_blocks
from keyplan.renderers.text.rows import FOLDED, WHAT_TO_DO, TextRow, is_folded, list_lines, split_address
from keyplan.renderers.words import PAST, choose_sign, format_reason

_SIGNALS = {1: "SIGHUP", 2: "SIGINT", 15: "SIGTERM"}
_LONG = 1000
_LEFT = f"    {'left':<9}"
_PLAIN_STYLE = Style()


def render_reports(reports: Sequence[Report], style: Style = _PLAIN_STYLE) -> str:
    """Return the reports as text, each under the name of its manifest, and the summary of all as the last line."""
    texts = [render_report(report, style) for report in reports]
    if len(texts) == 1:
        return texts[0]
    parts = [f"{sanitize(report.manifest)}\n\n{text}" for report, text in zip(reports, texts, strict=True)]
    last = [Line(text=f"{len(reports)} manifests"), Line(text=summarize_reports(reports), tone=Tone.STRONG)]
    return "\n".join([*parts, render_blocks([last], style)])


def render_report(report: Report, style: Style = _PLAIN_STYLE) -> str:
    """Return the report as text, its summary as the last line."""
    done = {id(one.action): one for one in report.outcomes if isinstance(one, Done)}
    undone = [one for one in report.outcomes if not isinstance(one, Done)]
    ordered = [
        *_order_undone(undone),
        *(done[id(action)] for action in order_actions(one.action for one in done.values())),
    ]
    rows = [_build_row(outcome, style.palette) for outcome in ordered]
    left = [_build_left_row(action, style.palette) for action in order_actions(report.left)]
    folded = [Line(text=FOLDED)] if is_folded([*rows, *left], is_verbose=style.is_verbose) else []
    blocks = [
        list(list_lines(rows, is_verbose=style.is_verbose)),
        list(list_lines(left, is_verbose=style.is_verbose)),
        [*folded, *(Line(text=text) for text in _list_remarks(report))],
        [Line(text=summarize_reports([report]), tone=Tone.STRONG)],
    ]
    return render_blocks(blocks, style)


def _order_undone(outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
    """Yield what failed, what is in doubt, and what was not tried; those of one message together."""
    for kind in (Failed, InDoubt, NotTried):
        members = [one for one in outcomes if isinstance(one, kind)]
        yield from sorted(members, key=lambda one: (_find_message(one), one.action.address))


def _find_message(outcome: Outcome) -> str:
    match outcome:
        case Failed() | InDoubt():
            return outcome.message
        case NotTried():
            return outcome.why
        case Done():
            return ""
        case _:
            assert_never(outcome)


def _list_remarks(report: Report) -> Iterator[str]:
    if report.interrupted_by is not None:
        signal = _SIGNALS.get(report.interrupted_by, f"signal {report.interrupted_by}")
        yield f"Stopped by {signal}. The next apply continues from here."
    yield from describe_head(report)


def _build_row(outcome: Outcome, palette: Palette) -> TextRow:
    match outcome:
        case Done():
            return _build_done_row(outcome, palette)
        case Failed():
            details = ((WHAT_TO_DO, outcome.advice), ("next run", outcome.next_run))
            return _build_undone_row("failed", outcome, details, palette)
        case InDoubt():
            return _build_undone_row("in doubt", outcome, (("next run", outcome.next_run),), palette)
        case NotTried():
            return _build_undone_row("not tried", outcome, (), palette)
        case _:
            assert_never(outcome)


def _build_done_row(outcome: Done, palette: Palette) -> TextRow:
    action = outcome.action
    sign, tone = choose_sign(action)
    space, name = split_address(action.address)
    stored = tuple(("stored in", sanitize(location, width=_LONG)) for location in outcome.delivered)
    notes = tuple(("note", sanitize(note, width=_LONG)) for note in outcome.notes)
    return TextRow(
        # Notes for the user must not be folded away.
        kind=("done", action.verb, action.reason, action.cuts_off, outcome.notes),
        mark=f"  {palette.paint(tone, f'{sign:<3} {PAST[action.verb]:<9}')}  ",
        subject=sanitize(action.address),
        after=f"  key {sanitize(outcome.key_id)}" if outcome.key_id else "",
        folded_after=f"  ({format_reason(action)})",
        space=space,
        name=name,
        details=(*stored, *describe_places(action), *notes),
        is_dangerous=action.cuts_off,
    )


def _build_undone_row(word: str, outcome: Outcome, details: tuple[tuple[str, str], ...], palette: Palette) -> TextRow:
    action, message = outcome.action, sanitize(_find_message(outcome), width=_LONG)
    space, name = split_address(action.address)
    return TextRow(
        kind=(word, action.verb, message),
        mark=f"  {palette.paint(Tone.ALARM, f'!   {word:<9}')}  ",
        before=f"{action.verb.value} ",
        subject=sanitize(action.address),
        after=f": {message}",
        folded_after=f": {message}",
        space=space,
        name=name,
        details=tuple((label, sanitize(text, width=_LONG)) for label, text in details if text),
        is_dangerous=True,
    )


def _build_left_row(action: Action, palette: Palette) -> TextRow:
    space, name = split_address(action.address)
    reason = f": {format_reason(action)}"
    return TextRow(
        kind=("left", action.verb, reason),
        mark=f"  {palette.paint(Tone.FAINT, _LEFT)}  ",
        before=f"{action.verb.value} ",
        subject=sanitize(action.address),
        after=reason,
        folded_after=reason,
        space=space,
        name=name,
    )
