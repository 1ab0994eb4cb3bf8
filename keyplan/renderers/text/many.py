"""Several plans or reports as one text: each under its own head, and one summary of all as the last line.

In: plans or reports, one per manifest. Out: text; for a single one exactly its own. Never: a summary line
that does not keep its shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

from keyplan.documents.plan_set import digest_to_approve
from keyplan.model.plan import Plan, Summary
from keyplan.model.report import Report
from keyplan.renderers.palette import PLAIN, Palette, Tone
from keyplan.renderers.sanitize import inert
from keyplan.renderers.text import plan as plan_text
from keyplan.renderers.text import report as report_text


def render_plans(plans: Sequence[Plan], palette: Palette = PLAIN) -> str:
    """Return the plans as text, the summary of all as the last line."""
    texts = [plan_text.render_plan(plan, palette) for plan in plans]
    if len(texts) == 1:
        return texts[0]
    digest = [f"Digest of all: {approvable}\n"] if (approvable := digest_to_approve(plans)) else []
    is_different = any(plan.has_differences or plan.refuses_unmanaged for plan in plans)
    last = plan_text.say_summary(add_up(plan.summary for plan in plans), is_different=is_different)
    return "\n".join([*texts, f"{len(plans)} manifests\n" + "".join(digest) + palette.paint(Tone.STRONG, last) + "\n"])


def render_reports(reports: Sequence[Report], palette: Palette = PLAIN) -> str:
    """Return the reports as text, the summary of all as the last line."""
    texts = [report_text.render_report(report, palette) for report in reports]
    if len(texts) == 1:
        return texts[0]
    parts = [f"{inert(report.manifest)}\n\n{text}" for report, text in zip(reports, texts, strict=True)]
    outcomes = tuple(outcome for report in reports for outcome in report.outcomes)
    last = report_text.say_summary(add_up(report.summary for report in reports), outcomes)
    return "\n".join([*parts, f"{len(reports)} manifests\n{palette.paint(Tone.STRONG, last)}\n"])


def add_up(summaries: Iterable[Summary]) -> Summary:
    """Return the sum of summaries, field by field."""
    counted = list(summaries)
    return Summary(**{field.name: sum(getattr(one, field.name) for one in counted) for field in fields(Summary)})
