"""Which formats there are, and the one door to them. A new format is a new row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from keyplan.errors import InputError
from keyplan.model.calendar import Calendar
from keyplan.model.drift import Drift
from keyplan.model.examination import Examination
from keyplan.model.observation import Observation
from keyplan.model.plan import Plan
from keyplan.model.report import Report
from keyplan.model.validation import Validation
from keyplan.views import calendar_ics, calendar_text, combining, doctor_text, documents, inventory, validation_text
from keyplan.views.drift_sheet import sheet_of_drift
from keyplan.views.github import render_annotations
from keyplan.views.gitlab import render_gitlab
from keyplan.views.junit import render_junit
from keyplan.views.markdown import render_markdown
from keyplan.views.palette import PLAIN, Palette
from keyplan.views.problem_sheet import sheet_of_validation
from keyplan.views.sarif import render_sarif
from keyplan.views.sheet import Sheet
from keyplan.views.sheets import sheet_of_plan, sheet_of_report
from keyplan.views.style import Style

Noun = TypeVar("Noun")
Formats = Mapping[str, Callable[[Noun, Style], str]]

SHEET_FORMATS: Formats[Sequence[Sheet]] = {
    "markdown": lambda sheets, style: render_markdown(sheets, budget_bytes=style.markdown_bytes, digest=style.digest),
    "github": lambda sheets, _: render_annotations(sheets),
    "gitlab": lambda sheets, _: render_gitlab(sheets),
    "junit": lambda sheets, _: render_junit(sheets),
    "sarif": lambda sheets, style: render_sarif(sheets, version=style.version),
}
"""What CI systems read, whatever it is about."""


def _through_sheets(draw: Callable[[Noun], Sheet]) -> Formats[Sequence[Noun]]:
    """Return the CI formats for whatever can be drawn as a sheet."""

    def lead(render: Callable[[Sequence[Sheet], Style], str]) -> Callable[[Sequence[Noun], Style], str]:
        return lambda nouns, style: render([draw(noun) for noun in nouns], style)

    return {name: lead(render) for name, render in SHEET_FORMATS.items()}


PLAN_FORMATS: Formats[Sequence[Plan]] = {
    "text": lambda plans, style: combining.render_plans(plans, style.palette),
    "json": lambda plans, style: documents.render_plans(plans, style.failures),
    **_through_sheets(sheet_of_plan),
}
REPORT_FORMATS: Formats[Sequence[Report]] = {
    "text": lambda reports, style: combining.render_reports(reports, style.palette),
    "json": lambda reports, style: documents.render_reports(reports, style.failures),
    **_through_sheets(sheet_of_report),
}
DRIFT_FORMATS: Formats[Sequence[Drift]] = {
    "text": lambda drifts, style: combining.render_drifts(drifts, style.palette),
    "json": lambda drifts, style: documents.render_drifts(drifts, style.failures),
    **_through_sheets(sheet_of_drift),
}
VALIDATION_FORMATS: Formats[Sequence[Validation]] = {
    "text": lambda validations, _: validation_text.render_validations(validations),
    "json": lambda validations, _: documents.render_validations(validations),
    **_through_sheets(sheet_of_validation),
}
INVENTORY_FORMATS: Formats[Sequence[Observation]] = {
    "table": lambda keys, style: inventory.render_table(keys, style.palette),
    "json": lambda keys, _: inventory.render_json(keys),
    "csv": lambda keys, _: inventory.render_csv(keys),
}
CALENDAR_FORMATS: Formats[Calendar] = {
    "text": lambda calendar, style: calendar_text.render_calendar(calendar, style.palette),
    "json": lambda calendar, _: documents.render_calendar(calendar),
    "ics": lambda calendar, _: calendar_ics.render_ics(calendar),
}
EXAMINATION_FORMATS: Formats[Examination] = {
    "text": lambda examination, style: doctor_text.render_examination(examination, style.palette),
    "json": lambda examination, _: documents.render_examination(examination),
}


def render_plan(plan: Plan, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return a plan in one of `PLAN_FORMATS`. Raises InputError on another."""
    return render(PLAN_FORMATS, [plan], as_format=as_format, style=Style(palette=palette))


def render_report(report: Report, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return a report in one of `REPORT_FORMATS`. Raises InputError on another."""
    return render(REPORT_FORMATS, [report], as_format=as_format, style=Style(palette=palette))


def render_drift(drift: Drift, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return a drift in one of `DRIFT_FORMATS`. Raises InputError on another."""
    return render(DRIFT_FORMATS, [drift], as_format=as_format, style=Style(palette=palette))


def render_inventory(keys: Sequence[Observation], *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return keys in one of `INVENTORY_FORMATS`. Raises InputError on another."""
    return render(INVENTORY_FORMATS, keys, as_format=as_format, style=Style(palette=palette))


def render_calendar(calendar: Calendar, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return a calendar in one of `CALENDAR_FORMATS`. Raises InputError on another."""
    return render(CALENDAR_FORMATS, calendar, as_format=as_format, style=Style(palette=palette))


def render_examination(examination: Examination, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return an examination in one of `EXAMINATION_FORMATS`. Raises InputError on another."""
    return render(EXAMINATION_FORMATS, examination, as_format=as_format, style=Style(palette=palette))


def render(formats: Formats[Noun], noun: Noun, *, as_format: str, style: Style) -> str:
    """Return something in one of its formats. Raises InputError on another."""
    if as_format not in formats:
        raise InputError(f"format '{as_format}' is unknown; known are: {', '.join(formats)}")
    return formats[as_format](noun, style)
