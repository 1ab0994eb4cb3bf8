"""A report as a person reads it after an apply: what was done, what was not, and what the next run will do.

In: a report. Out: text that ends in Terraform's line where all was done. Never: "complete" where it was not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from keyplan.model.plan import Action, Summary
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome, Report
from keyplan.renderers.palette import PLAIN, Palette, Tone
from keyplan.renderers.sanitize import inert
from keyplan.renderers.words import PAST, SIGNS

_INDENT = " " * 6
_SIGNALS = {1: "SIGHUP", 2: "SIGINT", 15: "SIGTERM"}
_LONG = 1000


def render_report(report: Report, palette: Palette = PLAIN) -> str:
    """Return the report as text, its summary as the last line."""
    blocks = [
        [line for outcome in report.outcomes for line in _describe(outcome, palette)],
        list(_asides(report)),
        [palette.paint(Tone.STRONG, summarize(report))],
    ]
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks if block)


def summarize(report: Report) -> str:
    """Return ``Apply complete! Resources: 2 added, 1 changed, 1 destroyed.``, or what is incomplete."""
    return say_summary(report.summary, report.outcomes)


def say_summary(summary: Summary, outcomes: Sequence[Outcome]) -> str:
    """Return Terraform's line for what was done, or what is incomplete."""
    resources = f"Resources: {summary.add} added, {summary.change} changed, {summary.destroy} destroyed."
    undone = ", ".join(_count_undone(outcomes))
    return f"Apply incomplete. {resources} Not done: {undone}." if undone else f"Apply complete! {resources}"


def _count_undone(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for kind, word in ((Failed, "failed"), (InDoubt, "in doubt"), (NotTried, "not tried")):
        number = sum(isinstance(outcome, kind) for outcome in outcomes)
        if number:
            yield f"{number} {word}"


def _asides(report: Report) -> Iterator[str]:
    if report.interrupted_by is not None:
        signal = _SIGNALS.get(report.interrupted_by, f"signal {report.interrupted_by}")
        yield f"Stopped by {signal}. The next apply goes on from here."


def _describe(outcome: Outcome, palette: Palette) -> Iterator[str]:
    match outcome:
        case Done():
            yield _done(outcome, palette)
            yield from _lines("stored in", outcome.delivered)
            yield from _lines("note", outcome.notes)
        case Failed():
            yield _undone("failed", outcome.action, outcome.message, palette)
            yield from _lines("what to do", [outcome.advice])
            yield from _lines("next run", [outcome.next_run])
        case InDoubt():
            yield _undone("in doubt", outcome.action, outcome.message, palette)
            yield from _lines("next run", [outcome.next_run])
        case NotTried():
            yield _undone("not tried", outcome.action, outcome.why, palette)
        case _:
            assert_never(outcome)


def _done(outcome: Done, palette: Palette) -> str:
    sign, tone = SIGNS[outcome.action.verb]
    mark = palette.paint(tone, f"{sign:<3} {PAST[outcome.action.verb]:<9}")
    key = f"  key {inert(outcome.key_id)}" if outcome.key_id else ""
    return f"  {mark}  {inert(outcome.action.address)}{key}"


def _undone(word: str, action: Action, message: str, palette: Palette) -> str:
    mark = palette.paint(Tone.ALARM, f"!   {word:<9}")
    return f"  {mark}  {action.verb.value} {inert(action.address)}: {inert(message, width=_LONG)}"


def _lines(label: str, texts: tuple[str, ...] | list[str]) -> Iterator[str]:
    for text in filter(None, texts):
        yield f"{_INDENT}{label:<12} {inert(text, width=_LONG)}"
