"""Reports of leaked secrets in the form in which GitHub sends them to partners. No error quotes any of it.

Source: docs.github.com, "Secret scanning partner program": an array of objects with `token`, `type`, `url` and
`source`, of which the URL may be empty.
"""

from __future__ import annotations

import json
from typing import Any

from keyplan.errors import InputError
from keyplan.model.leak_report import LeakMessage, LeakReport, Sighting
from keyplan.model.secret import SuspectedSecret

MOST_REPORTS = 20_000
_LONGEST_TOKEN = 1000
_LONGEST_FIELD = 2000


def read_reports(body: bytes) -> LeakMessage:
    """Return the reports in a message. Raises InputError if it has another form, or is out of bounds."""
    try:
        entries = json.loads(body)
    except (ValueError, RecursionError):
        # From none: the cause quotes the message.
        raise InputError("the message is not JSON") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError("the message is not an array of objects")
    if len(entries) > MOST_REPORTS:
        raise InputError(f"the message has more than {MOST_REPORTS} reports")
    return LeakMessage(reports=tuple(map(_read_report, entries)), size=len(body))


def _read_report(entry: dict[str, Any]) -> LeakReport:
    token = entry.get("token")
    if not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN:
        raise InputError(f"a report has no token of up to {_LONGEST_TOKEN} characters")
    sighting = Sighting(
        secret_type=_read_text(entry, "type"), url=_read_text(entry, "url"), source=_read_text(entry, "source")
    )
    return LeakReport(token=SuspectedSecret(token), sighting=sighting)


def _read_text(entry: dict[str, Any], name: str) -> str:
    """Return a field, empty if it is missing or null."""
    text = entry.get(name)
    if text is None:
        return ""
    if not isinstance(text, str) or len(text) > _LONGEST_FIELD:
        raise InputError(f"the {name} of a report is not a text of up to {_LONGEST_FIELD} characters")
    return text
