"""Which formats there are, and the one door to them. A new format is a new row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from keyplan.errors import InputError, KeyplanError
from keyplan.renderers.palette import PLAIN, Palette
from keyplan.renderers.style import Style

if TYPE_CHECKING:
    from keyplan.model.calendar import Calendar
    from keyplan.model.drift import Drift
    from keyplan.model.examination import Examination
    from keyplan.model.observation import Observation
    from keyplan.model.plan import Plan
    from keyplan.model.policy import Validation
    from keyplan.model.report import Report
    from keyplan.renderers.ci.sheet import Sheet, Subject

Noun = TypeVar("Noun")
Formats = Mapping[str, Callable[[Noun, Style], str]]


def _view(name: str) -> Any:
    """Return a view's module. A run uses one or two; the import of all takes 10 ms."""
    return import_module(f"keyplan.renderers.{name}")


SHEET_FORMATS: Formats[Sequence[Sheet]] = {
    "markdown": lambda sheets, style: _view("ci.markdown").render_markdown(
        sheets, budget_bytes=style.markdown_bytes, digest=style.digest
    ),
    "github": lambda sheets, _: _view("ci.github").render_annotations(sheets),
    "gitlab": lambda sheets, _: _view("ci.gitlab").render_gitlab(sheets),
    "junit": lambda sheets, _: _view("ci.junit").render_junit(sheets),
    "sarif": lambda sheets, style: _view("ci.sarif").render_sarif(sheets, version=style.version),
}
"""What CI systems read, whatever it is about."""


def draw_plan(plan: Plan) -> Sheet:
    """Return a plan's sheet."""
    sheet: Sheet = _view("ci.sheets").sheet_of_plan(plan)
    return sheet


def draw_report(report: Report) -> Sheet:
    """Return a report's sheet."""
    sheet: Sheet = _view("ci.sheets").sheet_of_report(report)
    return sheet


def draw_drift(drift: Drift) -> Sheet:
    """Return a drift's sheet."""
    sheet: Sheet = _view("ci.drift_sheet").sheet_of_drift(drift)
    return sheet


def draw_validation(validation: Validation) -> Sheet:
    """Return a validation's sheet."""
    sheet: Sheet = _view("ci.problem_sheet").sheet_of_validation(validation)
    return sheet


def draw_error(error: KeyplanError, *, about: Subject, manifest: str) -> Sheet:
    """Return the sheet of a manifest for which nothing came out but an error."""
    sheet: Sheet = _view("ci.problem_sheet").sheet_of_error(error, about=about, manifest=manifest)
    return sheet


def _through_sheets(draw: Callable[[Noun], Sheet]) -> Formats[Sequence[Noun]]:
    """Return the CI formats for whatever can be drawn as a sheet."""

    def lead(render: Callable[[Sequence[Sheet], Style], str]) -> Callable[[Sequence[Noun], Style], str]:
        return lambda nouns, style: render([draw(noun) for noun in nouns], style)

    return {name: lead(render) for name, render in SHEET_FORMATS.items()}


PLAN_FORMATS: Formats[Sequence[Plan]] = {
    "text": lambda plans, style: _view("text.many").render_plans(plans, style.palette),
    "json": lambda plans, style: _view("machine.documents").render_plans(plans, style.failures),
    **_through_sheets(draw_plan),
}
REPORT_FORMATS: Formats[Sequence[Report]] = {
    "text": lambda reports, style: _view("text.many").render_reports(reports, style.palette),
    "json": lambda reports, style: _view("machine.documents").render_reports(reports, style.failures),
    **_through_sheets(draw_report),
}
DRIFT_FORMATS: Formats[Sequence[Drift]] = {
    "text": lambda drifts, style: _view("text.drift").render_drifts(drifts, style.palette),
    "json": lambda drifts, style: _view("machine.documents").render_drifts(drifts, style.failures),
    **_through_sheets(draw_drift),
}
VALIDATION_FORMATS: Formats[Sequence[Validation]] = {
    "text": lambda validations, _: _view("text.validation").render_validations(validations),
    "json": lambda validations, _: _view("machine.documents").render_validations(validations),
    **_through_sheets(draw_validation),
}
INVENTORY_FORMATS: Formats[Sequence[Observation]] = {
    "table": lambda keys, style: _view("text.inventory").render_table(keys, style.palette),
    "json": lambda keys, _: _view("text.inventory").render_json(keys),
    "csv": lambda keys, _: _view("text.inventory").render_csv(keys),
}
CALENDAR_FORMATS: Formats[Calendar] = {
    "text": lambda calendar, style: _view("text.calendar").render_calendar(calendar, style.palette),
    "json": lambda calendar, _: _view("machine.documents").render_calendar(calendar),
    "ics": lambda calendar, _: _view("machine.ics").render_ics(calendar),
}
EXAMINATION_FORMATS: Formats[Examination] = {
    "text": lambda examination, style: _view("text.doctor").render_examination(examination, style.palette),
    "json": lambda examination, _: _view("machine.documents").render_examination(examination),
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
