"""The words for what a log says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from audited import ENTRY, HOSTILE, make_audit
from plans import NOW

from keyplan.model.audit import AuditEntry, AuditLog
from keyplan.renderers.audit_summary import describe_entry, summarize_audit


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param(ENTRY, '2026-11-23T06:31:00Z, user user-7, from 192.0.2.7: "revokeApiKey"', id="all of it"),
        pytest.param(
            replace(ENTRY, at=None, user_id="", ip="", operation=""),
            "at an unknown time, user unknown, from unknown: an operation without a name",
            id="nothing",
        ),
    ],
)
def test_an_entry_is_one_line(entry: AuditEntry, said: str) -> None:
    assert describe_entry(entry) == said


def test_the_name_of_an_operation_is_cut_and_stays_a_quotation() -> None:
    assert len(describe_entry(HOSTILE)) < 200
    assert describe_entry(HOSTILE).endswith('"')


def test_what_was_not_read_is_said() -> None:
    assert list(summarize_audit(make_audit(ENTRY))) == ["12 entries read, 1 of them about these keys."]
    log = AuditLog(entries=(), read=1, reached=NOW)
    assert list(summarize_audit(make_audit(log=log))) == [
        "1 entry read, none of them about these keys.",
        "Entries older than 2026-11-23T07:31:00Z were not read. Ask for less with --since.",
    ]
