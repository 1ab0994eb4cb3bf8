"""An audit as text and CSV: what a reader sees, and that no text of a log does anything."""

from __future__ import annotations

import csv
from io import StringIO

from audited import CI, ENTRY, GONE, HOSTILE, make_audit
from plans import NOW
from syrupy.assertion import SnapshotAssertion

from keyplan.model.audit import AuditedKey, AuditLog
from keyplan.model.identity import KeyId
from keyplan.renderers.text.audit import render_audit, render_csv


def test_an_audit_reads_like_this(snapshot: SnapshotAssertion) -> None:
    assert render_audit(make_audit(ENTRY, HOSTILE)) == snapshot


def test_a_log_that_names_no_key_reads_like_this(snapshot: SnapshotAssertion) -> None:
    assert render_audit(make_audit(log=AuditLog(entries=(), read=1, reached=NOW))) == snapshot


def test_many_keys_without_an_entry_are_counted() -> None:
    keys = tuple(AuditedKey(id=KeyId(f"key-{number:02}"), address=None) for number in range(30))
    shown = render_audit(make_audit(keys=keys))
    assert "key-19" in shown
    assert "key-20" not in shown
    assert "and 10 more; --format json has all" in shown


def test_csv_has_a_line_for_each_entry_and_key_and_no_formula() -> None:
    rows = list(csv.reader(StringIO(render_csv(make_audit(ENTRY, HOSTILE)))))
    assert rows[0] == ["at", "user_id", "ip", "operation", "address", "key_id"]
    assert rows[1] == ["2026-11-23T06:31:00+00:00", "user-7", "192.0.2.7", "revokeApiKey", "user/ci", "key-1"]
    assert rows[2][3].startswith("'=cmd")
    assert len(rows) == 3


def test_nothing_of_a_log_reaches_a_terminal_as_it_came() -> None:
    for shown in (render_audit(make_audit(HOSTILE)), render_csv(make_audit(HOSTILE))):
        assert "\x1b" not in shown
        assert "\n|" not in shown
        assert not any(line.lstrip().startswith("::") for line in shown.splitlines())


def test_the_keys_of_a_test_are_the_audits() -> None:
    assert make_audit(ENTRY).unnamed == (GONE,)
    assert make_audit(ENTRY).find_key(CI.id) == CI
