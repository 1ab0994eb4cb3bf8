"""Plans and reports as sheets. Levels and dangers are tables; the planner decides what may happen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from keyplan.documents.plan import digest
from keyplan.documents.report import is_complete
from keyplan.model.manifest import Unmanaged
from keyplan.model.plan import Action, KeyView, Plan, Verb
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome, Report
from keyplan.renderers.danger import Danger, rate_danger
from keyplan.renderers.descriptions import describe_action, describe_places
from keyplan.renderers.renames import RENAMED, find_renames
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import Level, Row, Sheet, Subject, sort_rows
from keyplan.renderers.summary import describe_head, list_plan_remarks, summarize_plans, summarize_reports
from keyplan.renderers.words import PAST, choose_sign, format_count, format_reason

# The dangers of rows that are not ordinary actions. Markdown drops rows from the least dangerous end.
_FAILED, _NOT_TRIED, _UNMANAGED = 100, 90, 5
_MOST_DANGEROUS, _STEP = 80, 5
_BLOCKED = _MOST_DANGEROUS - _STEP * Danger.BLOCKED
_LEVELS: Mapping[Verb, Level] = {
    Verb.DELETE: Level.WARNING,
    Verb.REFRESH: Level.WARNING,
    Verb.UPDATE: Level.NOTICE,
    Verb.REPLACE: Level.WARNING,
    Verb.DELIVER: Level.NOTICE,
    Verb.EMPTY: Level.NOTICE,
    Verb.IMPORT: Level.NOTICE,
    Verb.CREATE: Level.NOTICE,
    Verb.FORGET: Level.NOTICE,
    Verb.KEEP: Level.NOTICE,
}
_UNMANAGED_ADVICE = "declare them with adopt, delete them, or set unmanaged: report"


def build_plan_sheet(plan: Plan) -> Sheet:
    """Return the sheet of a plan; keys that are up to date get no row."""
    shown = [action for action in plan.actions if not action.is_unremarkable]
    renames = find_renames(plan.actions)
    rows = [_build_action_row(action, plan.space_names, renames.get(action.address, "")) for action in shown]
    return Sheet(
        about=Subject.PLAN,
        manifest=plan.manifest,
        owner=plan.owner,
        rows=sort_rows([*rows, *_refuse_unmanaged(plan), *_list_unmanaged(plan)]),
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


def _build_action_row(action: Action, space_names: Mapping[str, str], rename: str) -> Row:
    blocked, verb = action.blocked, action.verb
    renamed = ((RENAMED, rename),) if rename and verb is Verb.CREATE else ()
    return Row(
        subject=action.address,
        mark="!" if blocked else choose_sign(action)[0],
        word=f"{verb.value} (blocked)" if blocked else _add_cut(verb.value, action),
        reason=format_reason(action),
        effect="" if blocked else "; ".join(action.consequences),
        rule=f"guard/{blocked.guard.value}" if blocked else f"plan/{action.reason.value}",
        level=Level.ERROR if blocked else _LEVELS[verb],
        danger=_rate_danger(action),
        ends_key=verb is Verb.DELETE,
        details=(*describe_action(action, space_names), *renamed),
        advice=blocked.advice if blocked else "",
        place=action.place,
    )


def _rate_danger(action: Action) -> int:
    return _MOST_DANGEROUS - _STEP * rate_danger(action)


def _add_cut(word: str, action: Action) -> str:
    return f"{word} (cuts off)" if action.cuts_off else word


def _list_unmanaged(plan: Plan) -> Iterator[Row]:
    if plan.unmanaged_policy is not Unmanaged.IGNORE:
        yield from map(_build_unmanaged_row, plan.unmanaged)


def _refuse_unmanaged(plan: Plan) -> Iterator[Row]:
    """Yield the one row of all keys that the manifest refuses."""
    if plan.refuses_unmanaged:
        yield Row(
            subject=plan.manifest,
            mark="!",
            word="unmanaged (blocked)",
            reason=f"{format_count(len(plan.unmanaged), 'unmanaged key')}, and unmanaged is fail",
            rule="plan/unmanaged",
            level=Level.ERROR,
            danger=_BLOCKED,
            advice=_UNMANAGED_ADVICE,
        )


def _build_unmanaged_row(view: KeyView) -> Row:
    kind = view.key_type.value if view.key_type else "unknown"
    return Row(
        subject=view.id or view.name,
        mark="?",
        word="unmanaged",
        reason=f"an unmanaged {kind} key: {view.name}",
        rule="plan/unmanaged",
        level=Level.NOTICE,
        danger=_UNMANAGED,
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
