"""Examinations for tests."""

from __future__ import annotations

from keyplan.model.examination import Area, Examination, Finding, Health
from keyplan.model.identity import SinkName

FINE = Finding(area=Area.PROVIDER, subject="credential", health=Health.FINE, detail="accepted")
UNKNOWN = Finding(
    area=Area.PROVIDER,
    subject="create, refresh, delete",
    health=Health.UNKNOWN,
    detail="cannot be known without trying",
)
BROKEN = Finding(
    area=Area.SINK,
    subject="reading",
    sink=SinkName("vault"),
    health=Health.BROKEN,
    detail="the server is sealed\nand said so twice",
    advice="unseal it",
)
HELD = Finding(
    area=Area.LEDGER,
    subject="lock",
    health=Health.WARNING,
    detail="held by ada on ci-1",
    advice="if it is gone: keyplan ledger unlock 5f3a",
)


def make_examination(*findings: Finding) -> Examination:
    """Return an examination of these findings."""
    return Examination(owner="ml-platform", manifest="keys.yaml", findings=findings)


FULL = make_examination(FINE, UNKNOWN, BROKEN, HELD)
