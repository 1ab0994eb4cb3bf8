"""Which formats there are, and the one door to them. A new format is a new row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from keyplan.errors import InputError
from keyplan.model.calendar import Calendar
from keyplan.model.examination import Examination
from keyplan.model.observation import Observation
from keyplan.model.plan import Plan
from keyplan.model.report import Report
from keyplan.views import calendar_ics, calendar_text, doctor_text, documents, inventory, plan_text, report_text
from keyplan.views.palette import PLAIN, Palette

Noun = TypeVar("Noun")

PLAN_FORMATS: Mapping[str, Callable[[Plan, Palette], str]] = {
    "text": plan_text.render_plan,
    "json": lambda plan, _: documents.render_plan(plan),
}
REPORT_FORMATS: Mapping[str, Callable[[Report, Palette], str]] = {
    "text": report_text.render_report,
    "json": lambda report, _: documents.render_report(report),
}
INVENTORY_FORMATS: Mapping[str, Callable[[Sequence[Observation], Palette], str]] = {
    "table": inventory.render_table,
    "json": lambda keys, _: inventory.render_json(keys),
    "csv": lambda keys, _: inventory.render_csv(keys),
}

CALENDAR_FORMATS: Mapping[str, Callable[[Calendar, Palette], str]] = {
    "text": calendar_text.render_calendar,
    "json": lambda calendar, _: documents.render_calendar(calendar),
    "ics": lambda calendar, _: calendar_ics.render_ics(calendar),
}
EXAMINATION_FORMATS: Mapping[str, Callable[[Examination, Palette], str]] = {
    "text": doctor_text.render_examination,
    "json": lambda examination, _: documents.render_examination(examination),
}


def render_plan(plan: Plan, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return a plan in one of `PLAN_FORMATS`. Raises InputError on another."""
    return _pick(PLAN_FORMATS, as_format)(plan, palette)


def render_report(report: Report, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return a report in one of `REPORT_FORMATS`. Raises InputError on another."""
    return _pick(REPORT_FORMATS, as_format)(report, palette)


def render_inventory(keys: Sequence[Observation], *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return keys in one of `INVENTORY_FORMATS`. Raises InputError on another."""
    return _pick(INVENTORY_FORMATS, as_format)(keys, palette)


def render_calendar(calendar: Calendar, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return a calendar in one of `CALENDAR_FORMATS`. Raises InputError on another."""
    return _pick(CALENDAR_FORMATS, as_format)(calendar, palette)


def render_examination(examination: Examination, *, as_format: str, palette: Palette = PLAIN) -> str:
    """Return an examination in one of `EXAMINATION_FORMATS`. Raises InputError on another."""
    return _pick(EXAMINATION_FORMATS, as_format)(examination, palette)


def _pick(formats: Mapping[str, Callable[[Noun, Palette], str]], name: str) -> Callable[[Noun, Palette], str]:
    if name not in formats:
        raise InputError(f"format '{name}' is unknown; known are: {', '.join(formats)}")
    return formats[name]
