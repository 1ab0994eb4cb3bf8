"""Sheets as JUnit XML, which nearly every CI system shows: a suite per manifest, a case per declaration and delete.

The same sheets give the same XML: there is no time in it. A character that XML 1.0 forbids never gets in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import (
    Level,
    Row,
    Sheet,
    Subject,
    format_details,
    format_headline,
    format_path,
    list_details,
)

# XML 1.0 2.2: besides controls and surrogates, which `sanitize` shows as escapes, these two are not characters.
_FORBIDDEN = re.compile("[\ufffe\uffff]")


def render_junit(sheets: Sequence[Sheet]) -> str:
    """Return the sheets as one XML document; unchanged keys are cases that pass."""
    suites = [_build_suite(sheet) for sheet in sheets]
    total = {name: str(sum(int(suite.attrib[name]) for suite in suites)) for name in ("tests", "failures")}
    root = ET.Element("testsuites", {"name": "keyplan", **total})
    root.extend(suites)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def is_failure(row: Row, about: Subject) -> bool:
    """Whether a row fails its case: in a drift every row that is not accepted, elsewhere every error."""
    return row.level is Level.ERROR or (about is Subject.DRIFT and row.level is not Level.NOTICE)


def _build_suite(sheet: Sheet) -> ET.Element:
    cases = _list_cases(sheet)
    failures = sum(any(is_failure(row, sheet.about) for row in rows) for rows in cases)
    # An old key that is kept, or a place that is emptied, is of a declaration that has its case already.
    declared = {rows[0].subject for rows in cases if not rows[0].ends_key}
    calm = [subject for subject in sheet.unchanged if subject not in declared]
    counts = {"tests": len(cases) + len(calm), "failures": failures, "errors": 0, "skipped": 0}
    suite = ET.Element("testsuite", {"name": _sanitize(sheet.manifest), **_format_counts(counts)})
    seen: Counter[str] = Counter()
    for rows in cases:
        seen[rows[0].subject] += 1
        suite.append(_build_row_case(rows, sheet.about, occurrence=seen[rows[0].subject]))
    for subject in calm:
        seen[subject] += 1
        suite.append(_build_case(subject, sheet.about, occurrence=seen[subject]))
    _add_text(suite, "system-out", [sheet.summary, *sheet.remarks])
    return suite


def _list_cases(sheet: Sheet) -> list[list[Row]]:
    """Return the rows of each case: all of a declaration, one of each delete, and all unmanaged keys that fail it."""
    cases: dict[object, list[Row]] = {}
    for number, row in enumerate(sheet.rows):
        if row.is_unmanaged:
            if is_failure(row, sheet.about):
                cases.setdefault("unmanaged", []).append(row)
            continue
        # Problems of a manifest share its name and are matters of their own.
        is_own = row.ends_key or sheet.about is Subject.VALIDATE
        cases.setdefault((number if is_own else "", row.subject), []).append(row)
    return list(cases.values())


def _build_row_case(rows: Sequence[Row], about: Subject, *, occurrence: int) -> ET.Element:
    row = next((one for one in rows if is_failure(one, about)), rows[0])
    case = _build_case(row.subject, about, occurrence=occurrence)
    if row.place:
        case.attrib.update(file=_sanitize(format_path(row.place.file)), line=str(row.place.line))
    lines = [line for one in rows for line in _format_row(one)]
    if is_failure(row, about):
        failure = _add_text(case, "failure", lines)
        failure.attrib.update(message=_sanitize(f"{row.word}: {row.reason}"), type=_sanitize(row.rule))
    else:
        _add_text(case, "system-out", lines)
    return case


def _format_row(row: Row) -> list[str]:
    return [f"{format_headline(row)} ({sanitize(row.reason, width=1000)})", *format_details(list_details(row))]


def _build_case(subject: str, about: Subject, *, occurrence: int) -> ET.Element:
    # Several rows can be about one key. CI systems distinguish cases by name only, so each gets a number.
    name = _sanitize(subject) if occurrence == 1 else f"{_sanitize(subject)} ({occurrence})"
    return ET.Element("testcase", {"classname": f"keyplan.{about.value}", "name": name})


def _add_text(parent: ET.Element, tag: str, lines: Sequence[str]) -> ET.Element:
    element = ET.SubElement(parent, tag)
    element.text = "\n".join(_sanitize(line) for line in lines)
    return element


def _format_counts(counts: dict[str, int]) -> dict[str, str]:
    return {name: str(count) for name, count in counts.items()}


def _sanitize(text: str) -> str:
    return _FORBIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", sanitize(text, width=1100))
