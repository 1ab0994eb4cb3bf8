"""Sheets as JUnit XML, which nearly every CI system shows: a suite per manifest, a case per key.

In: sheets. Out: XML that is the same for the same sheets. Never: a time, a character that XML 1.0 forbids.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from keyplan.renderers.ci.sheet import Level, Row, Sheet, Subject
from keyplan.renderers.ci.summary import list_lines, say_headline, say_path, write_lines
from keyplan.renderers.sanitize import inert

# XML 1.0 2.2: besides controls and surrogates, which `inert` shows as escapes, these two are no characters.
_NO_CHARACTER = re.compile("[\ufffe\uffff]")


def render_junit(sheets: Sequence[Sheet]) -> str:
    """Return the sheets as one XML document; unchanged keys are cases that pass."""
    suites = [_draw_suite(sheet) for sheet in sheets]
    total = {name: str(sum(int(suite.attrib[name]) for suite in suites)) for name in ("tests", "failures")}
    root = ET.Element("testsuites", {"name": "keyplan", **total})
    root.extend(suites)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def is_failure(row: Row, about: Subject) -> bool:
    """Whether a row fails its case: in a drift every one that nobody accepted, elsewhere what is wrong or blocked."""
    return row.level is Level.ERROR or (about is Subject.DRIFT and row.level is not Level.NOTICE)


def _draw_suite(sheet: Sheet) -> ET.Element:
    failures = sum(is_failure(row, sheet.about) for row in sheet.rows)
    counts = {"tests": len(sheet.rows) + len(sheet.unchanged), "failures": failures, "errors": 0, "skipped": 0}
    suite = ET.Element("testsuite", {"name": _clean(sheet.manifest), **_texts(counts)})
    seen: Counter[str] = Counter()
    for row in sheet.rows:
        seen[row.subject] += 1
        suite.append(_draw_row(row, sheet.about, occurrence=seen[row.subject]))
    for subject in sheet.unchanged:
        seen[subject] += 1
        suite.append(_draw_case(subject, sheet.about, occurrence=seen[subject]))
    _add_text(suite, "system-out", [sheet.summary, *sheet.remarks])
    return suite


def _draw_row(row: Row, about: Subject, *, occurrence: int) -> ET.Element:
    case = _draw_case(row.subject, about, occurrence=occurrence)
    if row.place:
        case.attrib.update(file=_clean(say_path(row.place.file)), line=str(row.place.line))
    lines = [f"{say_headline(row)} ({inert(row.reason, width=1000)})", *write_lines(list_lines(row))]
    if is_failure(row, about):
        failure = _add_text(case, "failure", lines)
        failure.attrib.update(message=_clean(f"{row.word}: {row.reason}"), type=_clean(row.rule))
    else:
        _add_text(case, "system-out", lines)
    return case


def _draw_case(subject: str, about: Subject, *, occurrence: int) -> ET.Element:
    # A key that several rows are about has as many cases; CI systems tell them apart by their names.
    name = _clean(subject) if occurrence == 1 else f"{_clean(subject)} ({occurrence})"
    return ET.Element("testcase", {"classname": f"keyplan.{about.value}", "name": name})


def _add_text(parent: ET.Element, tag: str, lines: Sequence[str]) -> ET.Element:
    element = ET.SubElement(parent, tag)
    element.text = "\n".join(_clean(line) for line in lines)
    return element


def _texts(counts: dict[str, int]) -> dict[str, str]:
    return {name: str(count) for name, count in counts.items()}


def _clean(text: str) -> str:
    return _NO_CHARACTER.sub(lambda found: f"\\u{ord(found[0]):04x}", inert(text, width=1100))
