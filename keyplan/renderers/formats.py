"""Every output format, and the only door to them: a new format is a new row in a table here.

The tables name renderers of `ci`, `html`, `machine` and `text`, which import their modules at the first use.
Importing all of them takes 10 ms, and a run uses one or two; so no module here may import one by its full name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from keyplan.errors import InputError, KeyplanError
from keyplan.renderers import ci, html, machine, text
from keyplan.renderers.style import PLAIN, Palette, Style

if TYPE_CHECKING:
    from keyplan.documents.report import Failure
    from keyplan.model.audit import Audit
    from keyplan.model.calendar import Calendar
    from keyplan.model.drift import Drift
    from keyplan.model.examination import Examination
    from keyplan.model.explanation import Explanation
    from keyplan.model.history import ChainCheck, HistoryEntry
    from keyplan.model.leak import Leak
    from keyplan.model.ledger import Holder, Memory
    from keyplan.model.observation import Observation
    from keyplan.model.plan import Plan
    from keyplan.model.policy import Validation
    from keyplan.model.rehearsal import Rehearsal
    from keyplan.model.report import Report
    from keyplan.renderers.sheet import Sheet, Subject

Subjects = TypeVar("Subjects")
"""What a format renders: plans, reports, a calendar, ..."""
One = TypeVar("One")

PAGES = ("html", "svg")
"""Formats for a browser: they need the packages of the extra `report`."""

Formats = Mapping[str, Callable[[Subjects, Style], str]]
"""The renderers of a type, by the name of their format."""

_PLAIN_STYLE = Style()

SHEET_FORMATS: Formats[Sequence[Sheet]] = {
    "markdown": lambda sheets, style: ci.markdown.render_markdown(
        sheets, budget_bytes=style.markdown_bytes, digest=style.digest
    ),
    "github": lambda sheets, _: ci.forges.render_annotations(sheets),
    "gitlab": lambda sheets, _: ci.forges.render_gitlab(sheets),
    "junit": lambda sheets, _: ci.junit.render_junit(sheets),
    "sarif": lambda sheets, style: ci.sarif.render_sarif(sheets, version=style.version),
    "html": lambda sheets, style: html.sheets.render_sheets(sheets, style=style),
}
"""What CI systems and browsers read. A row here is a new format of plans, reports, drifts and validations at once."""


def build_plan_sheet(plan: Plan) -> Sheet:
    """Return the sheet of a plan."""
    return ci.plan_sheet.build_plan_sheet(plan)


def build_report_sheet(report: Report) -> Sheet:
    """Return the sheet of an apply."""
    return ci.plan_sheet.build_report_sheet(report)


def build_drift_sheet(drift: Drift) -> Sheet:
    """Return the sheet of a drift."""
    return ci.drift_sheet.build_drift_sheet(drift)


def build_validation_sheet(validation: Validation) -> Sheet:
    """Return the sheet of a validation."""
    return ci.problem_sheet.build_validation_sheet(validation)


def build_error_sheet(error: KeyplanError, *, about: Subject, manifest: str) -> Sheet:
    """Return the sheet of a manifest whose only result is an error."""
    return ci.problem_sheet.build_error_sheet(error, about=about, manifest=manifest)


def _list_ci_formats(build_sheet: Callable[[One], Sheet]) -> Formats[Sequence[One]]:
    """Return the formats of `SHEET_FORMATS` for everything that has a sheet."""

    def bind(render: Callable[[Sequence[Sheet], Style], str]) -> Callable[[Sequence[One], Style], str]:
        return lambda subjects, style: render([build_sheet(subject) for subject in subjects], style)

    return {name: bind(render) for name, render in SHEET_FORMATS.items()}


PLAN_FORMATS: Formats[Sequence[Plan]] = {
    "text": lambda plans, style: text.plan.render_plans(plans, style=style),
    "json": lambda plans, style: machine.documents.render_plans(plans, style.failures),
    **_list_ci_formats(build_plan_sheet),
}
REPORT_FORMATS: Formats[Sequence[Report]] = {
    "text": lambda reports, style: text.report.render_reports(reports, style=style),
    "json": lambda reports, style: machine.documents.render_reports(reports, style.failures),
    **_list_ci_formats(build_report_sheet),
}
DRIFT_FORMATS: Formats[Sequence[Drift]] = {
    "text": lambda drifts, style: text.drift.render_drifts(drifts, style=style),
    "json": lambda drifts, style: machine.documents.render_drifts(drifts, style.failures),
    **_list_ci_formats(build_drift_sheet),
}
VALIDATION_FORMATS: Formats[Sequence[Validation]] = {
    "text": lambda validations, _: text.problems.render_validations(validations),
    "json": lambda validations, _: machine.documents.render_validations(validations),
    **_list_ci_formats(build_validation_sheet),
}
INVENTORY_FORMATS: Formats[Sequence[Observation]] = {
    "table": lambda keys, style: text.inventory.render_table(keys, style=style),
    "json": lambda keys, style: machine.documents.render_inventory(keys, style.providers),
    "csv": lambda keys, style: text.inventory.render_csv(keys, style.providers),
    "markdown": lambda keys, style: ci.inventory.render_inventory(keys, style.providers),
}
CALENDAR_FORMATS: Formats[Calendar] = {
    "text": lambda calendar, style: text.calendar.render_calendar(calendar, style=style),
    "json": lambda calendar, _: machine.documents.render_calendar(calendar),
    "ics": lambda calendar, _: machine.ics.render_ics(calendar),
    "svg": lambda calendar, _: html.calendar.render_svg(calendar),
    "html": lambda calendar, style: html.calendar.render_calendar_page(calendar, style=style),
}
REHEARSAL_FORMATS: Formats[Rehearsal] = {
    "text": lambda rehearsal, style: text.rehearsal.render_rehearsal(rehearsal, style.palette),
    "json": lambda rehearsal, _: machine.documents.render_rehearsal(rehearsal),
}
EXAMINATION_FORMATS: Formats[Examination] = {
    "text": lambda examination, style: text.doctor.render_examination(examination, style.palette),
    "json": lambda examination, _: machine.documents.render_examination(examination),
}
EXPLANATION_FORMATS: Formats[Explanation] = {
    "text": lambda explanation, style: text.explanation.render_explanation(explanation, style.palette),
    "json": lambda explanation, _: machine.documents.render_explanation(explanation),
}
LEAK_FORMATS: Formats[Leak] = {
    "text": lambda leak, _: text.leak.render_leak(leak),
    "json": lambda leak, _: machine.documents.render_leak(leak),
}
LEDGER_FORMATS: Formats[tuple[Memory, Holder | None]] = {
    "text": lambda found, _: text.ledger.render_ledger(*found),
    "json": lambda found, _: machine.documents.render_ledger(*found),
}
HISTORY_FORMATS: Formats[Sequence[HistoryEntry]] = {
    "text": lambda entries, _: text.ledger.render_history(entries),
    "json": lambda entries, _: machine.documents.render_history(entries),
}
PAST_FORMATS: Formats[Sequence[HistoryEntry]] = {
    "text": lambda entries, _: text.history.render_history(entries),
    "json": lambda entries, _: machine.documents.render_history(entries),
    "csv": lambda entries, _: text.history.render_csv(entries),
    "markdown": lambda entries, _: ci.history.render_history(entries),
}
"""As `keyplan history` shows it: with what each apply did."""
AUDIT_FORMATS: Formats[Audit] = {
    "text": lambda audit, _: text.audit.render_audit(audit),
    "json": lambda audit, _: machine.documents.render_audit(audit),
    "csv": lambda audit, _: text.audit.render_csv(audit),
    "markdown": lambda audit, _: ci.audit.render_audit(audit),
}
CHECK_FORMATS: Formats[ChainCheck] = {
    "text": lambda check, _: text.history.render_check(check),
    "json": lambda check, _: machine.documents.render_check(check),
}
LOCK_FORMATS: Formats[tuple[Holder | None, Holder | None]] = {
    "text": lambda holders, _: text.ledger.render_locks(*holders),
    "json": lambda holders, _: machine.documents.render_locks(*holders),
}
"""Of the holder of the lock, and the leader of several `keyplan watch`."""


def render_failures(failures: Sequence[Failure], *, exit_status: int) -> str:
    """Return the JSON document of a run without any other answer."""
    return machine.documents.render_failures(failures, exit_status)


def render_misuse(message: str, *, advice: str, exit_status: int) -> str:
    """Return the JSON document of a command line that is wrong."""
    return machine.documents.render_misuse(message, advice, exit_status)


def render_plan(plan: Plan, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return a plan in one of `PLAN_FORMATS`. Raises InputError for another."""
    return render(PLAN_FORMATS, [plan], as_format=as_format, style=Style(palette=palette))


def render_report(report: Report, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return a report in one of `REPORT_FORMATS`. Raises InputError for another."""
    return render(REPORT_FORMATS, [report], as_format=as_format, style=Style(palette=palette))


def render_drift(drift: Drift, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return a drift in one of `DRIFT_FORMATS`. Raises InputError for another."""
    return render(DRIFT_FORMATS, [drift], as_format=as_format, style=Style(palette=palette))


def render_inventory(keys: Sequence[Observation], *, as_format: str, style: Style = _PLAIN_STYLE) -> str:
    """Return keys in one of `INVENTORY_FORMATS`. Raises InputError for another."""
    return render(INVENTORY_FORMATS, keys, as_format=as_format, style=style)


def render_calendar(calendar: Calendar, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return a calendar in one of `CALENDAR_FORMATS`. Raises InputError for another."""
    return render(CALENDAR_FORMATS, calendar, as_format=as_format, style=Style(palette=palette))


def render_rehearsal(rehearsal: Rehearsal, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return a rehearsal in one of `REHEARSAL_FORMATS`. Raises InputError for another."""
    return render(REHEARSAL_FORMATS, rehearsal, as_format=as_format, style=Style(palette=palette))


def render_examination(examination: Examination, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return an examination in one of `EXAMINATION_FORMATS`. Raises InputError for another."""
    return render(EXAMINATION_FORMATS, examination, as_format=as_format, style=Style(palette=palette))


def render_explanation(explanation: Explanation, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return an explanation in one of `EXPLANATION_FORMATS`. Raises InputError for another."""
    return render(EXPLANATION_FORMATS, explanation, as_format=as_format, style=Style(palette=palette))


def render_leak(leak: Leak, *, as_format: str) -> str:
    """Return a leak in one of `LEAK_FORMATS`. Raises InputError for another."""
    return render(LEAK_FORMATS, leak, as_format=as_format, style=Style(palette=PLAIN))


def render(formats: Formats[Subjects], subjects: Subjects, *, as_format: str, style: Style) -> str:
    """Return the text of a format. Raises InputError for one that is not in the table."""
    if as_format not in formats:
        raise InputError(f"format '{as_format}' is unknown; known are: {', '.join(formats)}")
    return formats[as_format](subjects, style)
