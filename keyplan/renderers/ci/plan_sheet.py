"""Plans and reports as sheets. Levels and dangers are tables; the planner decides what may happen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from keyplan.documents.plan import digest
from keyplan.documents.report import is_complete
from keyplan.model.manifest import Unmanaged
from keyplan.model.plan import Action, KeyView, Plan, Verb
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome, Report
from keyplan.renderers.descriptions import describe_action, describe_places
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import Level, Row, Sheet, Subject, sort_rows
from keyplan.renderers.summary import describe_head, list_plan_remarks, summarize_plans, summarize_reports
from keyplan.renderers.words import PAST, choose_sign, format_reason

# The dangers of rows that are no ordinary action. Markdown drops rows from the least dangerous end.
_FAILED, _NOT_TRIED, _BLOCKED, _UNMANAGED = 100, 90, 80, 5
_ABRUPT = 5
"""Added if consumers are cut off: they fail until they read the new raw key."""
# A delete comes first, because nothing brings a key back. A refresh or replace changes what consumers hold.
_DANGERS: Mapping[Verb, int] = {
    Verb.DELETE: 70,
    Verb.REFRESH: 60,
    Verb.REPLACE: 60,
    Verb.DELIVER: 30,
    Verb.EMPTY: 30,
    Verb.IMPORT: 25,
    Verb.CREATE: 20,
    Verb.FORGET: 15,
    Verb.KEEP: 10,
}
_LEVELS: Mapping[Verb, Level] = {
    Verb.DELETE: Level.WARNING,
    Verb.REFRESH: Level.WARNING,
    Verb.REPLACE: Level.WARNING,
    Verb.DELIVER: Level.NOTICE,
    Verb.EMPTY: Level.NOTICE,
    Verb.IMPORT: Level.NOTICE,
    Verb.CREATE: Level.NOTICE,
    Verb.FORGET: Level.NOTICE,
    Verb.KEEP: Level.NOTICE,
}
_UNMANAGED_ADVICE = "declare it with adopt, delete it, or set unmanaged: report"


def build_plan_sheet(plan: Plan) -> Sheet:
    """Return the sheet of a plan; keys that are up to date get no row."""
    shown = [action for action in plan.actions if not action.is_unremarkable]
    rows = [*(_build_action_row(action, plan.space_names) for action in shown), *_list_unmanaged(plan)]
    return Sheet(
        about=Subject.PLAN,
        manifest=plan.manifest,
        owner=plan.owner,
        rows=sort_rows(rows),
        summary=summarize_plans([plan]),
        remarks=(*plan.warnings, *list_plan_remarks(plan)),
        digest=digest(plan) if plan.changes else "",
        add=plan.summary.add,
        change=plan.summary.change,
        destroy=plan.summary.destroy,
        counts=plan.summary,
        unchanged=tuple(action.address for action in plan.actions if action.is_unremarkable),
        is_different=bool(plan.changes),
    )


def build_report_sheet(report: Report) -> Sheet:
    """Return the sheet of an apply."""
    summary = report.summary
    return Sheet(
        about=Subject.APPLY,
        manifest=report.manifest,
        owner=report.owner,
        rows=sort_rows([_build_outcome_row(outcome) for outcome in report.outcomes]),
        summary=summarize_reports([report]),
        remarks=tuple(_list_report_remarks(report)),
        digest=report.digest,
        add=summary.add,
        change=summary.change,
        destroy=summary.destroy,
        counts=summary,
        is_different=bool(report.outcomes) or not is_complete(report),
    )


def _list_report_remarks(report: Report) -> Iterator[str]:
    if report.interrupted_by:
        yield "It was interrupted. The next apply continues from here."
    for action in report.left:
        yield f"Left for a reviewed apply: {action.verb.value} {sanitize(action.address)} ({format_reason(action)})"
    yield from describe_head(report)


def _build_action_row(action: Action, space_names: Mapping[str, str]) -> Row:
    blocked, verb = action.blocked, action.verb
    return Row(
        subject=action.address,
        mark="!" if blocked else choose_sign(action)[0],
        word=f"{verb.value} (blocked)" if blocked else _add_cut(verb.value, action),
        reason=format_reason(action),
        effect="" if blocked else "; ".join(action.consequences),
        rule=f"guard/{blocked.guard.value}" if blocked else f"plan/{action.reason.value}",
        level=Level.ERROR if blocked else _LEVELS[verb],
        danger=_BLOCKED if blocked else _rate_danger(action),
        details=tuple(describe_action(action, space_names)),
        advice=blocked.advice if blocked else "",
        place=action.place,
    )


def _rate_danger(action: Action) -> int:
    return _DANGERS[action.verb] + (_ABRUPT if action.cuts_off else 0)


def _add_cut(word: str, action: Action) -> str:
    return f"{word} (cuts off)" if action.cuts_off else word


def _list_unmanaged(plan: Plan) -> Iterator[Row]:
    if plan.unmanaged_policy is not Unmanaged.IGNORE:
        for view in plan.unmanaged:
            yield _build_unmanaged_row(view, is_refused=plan.refuses_unmanaged)


def _build_unmanaged_row(view: KeyView, *, is_refused: bool) -> Row:
    kind = view.key_type.value if view.key_type else "unknown"
    return Row(
        subject=view.id or view.name,
        mark="!" if is_refused else "?",
        word="unmanaged",
        reason=f"an unmanaged {kind} key: {view.name}",
        rule="plan/unmanaged",
        level=Level.ERROR if is_refused else Level.NOTICE,
        danger=_BLOCKED if is_refused else _UNMANAGED,
        advice=_UNMANAGED_ADVICE if is_refused else "",
    )


def _build_outcome_row(outcome: Outcome) -> Row:
    match outcome:
        case Done():
            return _build_done_row(outcome)
        case Failed():
            return _build_undone_row(
                outcome.action, "failed", outcome.message, advice=outcome.advice, next_run=outcome.next_run
            )
        case InDoubt():
            return _build_undone_row(outcome.action, "in doubt", outcome.message, next_run=outcome.next_run)
        case NotTried():
            return _build_undone_row(outcome.action, "not tried", outcome.why)
        case _:
            assert_never(outcome)


def _build_done_row(outcome: Done) -> Row:
    action = outcome.action
    key = (("key id", outcome.key_id),) if outcome.key_id else ()
    stored = tuple(("stored in", location) for location in outcome.delivered)
    notes = tuple(("note", note) for note in outcome.notes)
    return Row(
        subject=action.address,
        mark=choose_sign(action)[0],
        word=_add_cut(PAST[action.verb], action),
        reason=format_reason(action),
        rule=f"apply/{action.verb.value}",
        level=Level.WARNING if outcome.notes else Level.NOTICE,
        danger=_rate_danger(action),
        details=(*key, *stored, *describe_places(action), *notes),
        place=action.place,
    )


def _build_undone_row(action: Action, word: str, message: str, *, advice: str = "", next_run: str = "") -> Row:
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
