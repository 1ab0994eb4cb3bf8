"""Plans and reports as sheets, the one shape that every CI format renders.

In: a plan, a report. Out: a sheet each. Never: a judgement of its own; levels and dangers are tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from keyplan.documents.plan import digest
from keyplan.documents.report import is_complete
from keyplan.model.manifest import Unmanaged
from keyplan.model.plan import Action, KeyView, Plan, Reason, Verb
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome, Report
from keyplan.renderers.ci.sheet import Level, Row, Sheet, Subject
from keyplan.renderers.text.actions import describe_action
from keyplan.renderers.text.plan import list_asides, summarize
from keyplan.renderers.text.report import summarize as summarize_report
from keyplan.renderers.words import PAST, SIGNS, say_reason

_FAILED, _NOT_TRIED, _BLOCKED, _STRANGER = 100, 90, 80, 5
_ABRUPT = 5
"""So much more dangerous is a new raw key without overlap: consumers fail until they read it."""
_DANGERS: Mapping[Verb, int] = {
    Verb.DELETE: 70,
    Verb.REFRESH: 60,
    Verb.REPLACE: 60,
    Verb.DELIVER: 30,
    Verb.CREATE: 20,
    Verb.FORGET: 15,
    Verb.KEEP: 10,
}
_LEVELS: Mapping[Verb, Level] = {
    Verb.DELETE: Level.WARNING,
    Verb.REFRESH: Level.WARNING,
    Verb.REPLACE: Level.WARNING,
    Verb.DELIVER: Level.NOTICE,
    Verb.CREATE: Level.NOTICE,
    Verb.FORGET: Level.NOTICE,
    Verb.KEEP: Level.NOTICE,
}
_UNMANAGED_ADVICE = "declare it with adopt, delete it, or set unmanaged: report"


def sheet_of_plan(plan: Plan) -> Sheet:
    """Return the sheet of a plan; keys that are up to date are counted, not shown."""
    shown = [action for action in plan.actions if not _is_calm(action)]
    rows = [*map(_row_of_action, shown), *_rows_of_strangers(plan)]
    return Sheet(
        about=Subject.PLAN,
        manifest=plan.manifest,
        owner=plan.owner,
        rows=sort_rows(rows),
        summary=summarize(plan),
        remarks=(*plan.warnings, *list_asides(plan)),
        digest=digest(plan) if plan.changes else "",
        add=plan.summary.add,
        change=plan.summary.change,
        destroy=plan.summary.destroy,
        unchanged=tuple(action.address for action in plan.actions if _is_calm(action)),
        is_different=bool(plan.changes),
    )


def sheet_of_report(report: Report) -> Sheet:
    """Return the sheet of an apply."""
    summary = report.summary
    return Sheet(
        about=Subject.APPLY,
        manifest=report.manifest,
        owner=report.owner,
        rows=sort_rows([_row_of_outcome(outcome) for outcome in report.outcomes]),
        summary=summarize_report(report),
        remarks=("It was interrupted. The next apply goes on from here.",) if report.interrupted_by else (),
        digest=report.digest,
        add=summary.add,
        change=summary.change,
        destroy=summary.destroy,
        is_different=bool(report.outcomes) or not is_complete(report),
    )


def sort_rows(rows: list[Row]) -> tuple[Row, ...]:
    """Return rows as a sheet holds them: the most dangerous first, then by subject."""
    return tuple(sorted(rows, key=lambda row: (-row.danger, row.subject, row.word)))


def _is_calm(action: Action) -> bool:
    return action.verb is Verb.KEEP and action.reason is Reason.UP_TO_DATE and not action.blocked


def _row_of_action(action: Action) -> Row:
    blocked, verb = action.blocked, action.verb
    return Row(
        subject=action.address,
        mark="!" if blocked else SIGNS[verb][0],
        word=f"{verb.value} (blocked)" if blocked else verb.value,
        reason=say_reason(action),
        effect="" if blocked else "; ".join(action.consequences),
        rule=f"guard/{blocked.guard.value}" if blocked else f"plan/{action.reason.value}",
        level=Level.ERROR if blocked else _LEVELS[verb],
        danger=_BLOCKED if blocked else _rate(action),
        details=tuple(describe_action(action)),
        advice=blocked.advice if blocked else "",
        place=action.place,
    )


def _rate(action: Action) -> int:
    is_abrupt = action.verb in (Verb.REFRESH, Verb.REPLACE) and not action.overlap
    return _DANGERS[action.verb] + (_ABRUPT if is_abrupt else 0)


def _rows_of_strangers(plan: Plan) -> Iterator[Row]:
    if plan.unmanaged_policy is not Unmanaged.IGNORE:
        for view in plan.unmanaged:
            yield _row_of_stranger(view, is_refused=plan.refuses_unmanaged)


def _row_of_stranger(view: KeyView, *, is_refused: bool) -> Row:
    kind = view.key_type.value if view.key_type else "unknown"
    return Row(
        subject=view.id or view.name,
        mark="!" if is_refused else "?",
        word="unmanaged",
        reason=f"a live {kind} key that nobody declared: {view.name}",
        rule="plan/unmanaged",
        level=Level.ERROR if is_refused else Level.NOTICE,
        danger=_BLOCKED if is_refused else _STRANGER,
        advice=_UNMANAGED_ADVICE if is_refused else "",
    )


def _row_of_outcome(outcome: Outcome) -> Row:
    match outcome:
        case Done():
            return _row_of_done(outcome)
        case Failed():
            return _row_of_undone(
                outcome.action, "failed", outcome.message, advice=outcome.advice, next_run=outcome.next_run
            )
        case InDoubt():
            return _row_of_undone(outcome.action, "in doubt", outcome.message, next_run=outcome.next_run)
        case NotTried():
            return _row_of_undone(outcome.action, "not tried", outcome.why)
        case _:
            assert_never(outcome)


def _row_of_done(outcome: Done) -> Row:
    action = outcome.action
    key = (("key id", outcome.key_id),) if outcome.key_id else ()
    stored = tuple(("stored in", location) for location in outcome.delivered)
    notes = tuple(("note", note) for note in outcome.notes)
    return Row(
        subject=action.address,
        mark=SIGNS[action.verb][0],
        word=PAST[action.verb],
        reason=say_reason(action),
        rule=f"apply/{action.verb.value}",
        level=Level.WARNING if outcome.notes else Level.NOTICE,
        danger=_rate(action),
        details=(*key, *stored, *notes),
        place=action.place,
    )


def _row_of_undone(action: Action, word: str, message: str, *, advice: str = "", next_run: str = "") -> Row:
    return Row(
        subject=action.address,
        mark="!",
        word=f"{action.verb.value} {word}",
        reason=message,
        rule=f"apply/{word.replace(' ', '_')}",
        level=Level.ERROR,
        danger=_NOT_TRIED if word == "not tried" else _FAILED,
        details=(("next run", next_run),) if next_run else (),
        advice=advice,
        place=action.place,
    )
