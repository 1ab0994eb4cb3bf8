"""An audit as a Markdown table."""

from __future__ import annotations

from audited import ENTRY, HOSTILE, make_audit
from syrupy.assertion import SnapshotAssertion

from keyplan.renderers.ci.audit import render_audit


def test_an_audit_as_markdown_reads_like_this(snapshot: SnapshotAssertion) -> None:
    assert render_audit(make_audit(ENTRY, HOSTILE)) == snapshot


def test_a_text_of_a_log_brings_no_column_and_no_line() -> None:
    rows = [line for line in render_audit(make_audit(ENTRY, HOSTILE)).splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert {row.replace(r"\|", "").count("|") for row in rows} == {7}
