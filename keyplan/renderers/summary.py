"""The lines about whole plans, reports or drifts: their counts in one line, and remarks that concern all of it.

Scripts match the lines in Terraform's shape ("Plan: ...", "No changes. ...", "Apply complete! ..."), so their words are
a promise. "Apply complete!" must never appear if something was not done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields

from keyplan.model.drift import Drift, DriftKind
from keyplan.model.plan import Plan, Summary
from keyplan.model.report import Failed, InDoubt, NotTried, Outcome, Report
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.words import format_count, join_words

_NO_CHANGES = "No changes. Your keys match the manifest."
_NO_DRIFT = "No drift. Nothing needs to be done."
_NOTHING_OF_THAT = "Nothing of that kind needs to be done."
# Its order, not that of `DriftKind`: what somebody else did comes first, what only needs a decision comes last.
_KINDS: Mapping[DriftKind, str] = {
    DriftKind.DRIFT: "drifted",
    DriftKind.PENDING: "pending",
    DriftKind.EXPIRING: "expiring",
    DriftKind.UNMANAGED: "unmanaged",
}


def summarize_plans(plans: Sequence[Plan]) -> str:
    """Return ``Plan: 2 to add, 1 to change, 1 to destroy.`` of all together, or that there is nothing to do."""
    if not any(plan.has_differences or plan.refuses_unmanaged for plan in plans):
        return _NO_CHANGES
    total = _sum(plan.summary for plan in plans)
    return f"Plan: {total.add} to add, {total.change} to change, {total.destroy} to destroy."


def summarize_reports(reports: Sequence[Report]) -> str:
    """Return ``Apply complete! Resources: 2 added, ...`` of all together, or how much is not done."""
    total = _sum(report.summary for report in reports)
    resources = f"Resources: {total.add} added, {total.change} changed, {total.destroy} destroyed."
    undone = ", ".join(_count_undone([outcome for report in reports for outcome in report.outcomes]))
    return f"Apply incomplete. {resources} Not done: {undone}." if undone else f"Apply complete! {resources}"


def summarize_drifts(drifts: Sequence[Drift]) -> str:
    """Return ``Drift: 1 drifted, 2 pending.`` of all together, or that there is nothing to do."""
    kinds = [finding.kind for drift in drifts for finding in drift.alarms]
    counted = [f"{kinds.count(kind)} {word}" for kind, word in _KINDS.items() if kind in kinds]
    if counted:
        return f"Drift: {', '.join(counted)}."
    # "No drift" would be a promise about kinds that `--only` left out.
    return _NO_DRIFT if all(drift.kinds == tuple(DriftKind) for drift in drifts) else _NOTHING_OF_THAT


def list_plan_remarks(plan: Plan) -> Iterator[str]:
    """Yield what a reader should know of the plan as a whole, a line each; sanitized."""
    if plan.request.targets:
        targets = ", ".join(sanitize(target) for target in plan.request.targets)
        yield f"Only {targets} was planned; the rest was not checked."
    if plan.blocked or plan.refuses_unmanaged:
        yield "Blocked actions will not run; each one says what to do."


def list_drift_remarks(drift: Drift) -> Iterator[str]:
    """Yield what the summary line has no room for, a line each."""
    if drift.kinds != tuple(DriftKind):
        yield f"Only {join_words([kind.value for kind in drift.kinds])} was checked."
    shown = len(drift.open) - len(drift.alarms)
    counted = ((shown, "for information"), (len(drift.accepted), "accepted"), (len(drift.in_order), "in order"))
    counts = [f"{number} {word}" for number, word in counted if number]
    if counts:
        yield f"{', '.join(counts)}."
    if any(finding.guard for finding in drift.alarms):
        yield "An apply does not fix blocked findings; each one says what to do."


def describe_planned(plan: Plan, *, ledger: str) -> str:
    """Return one line about what was planned, from which ledger; sanitized."""
    actions, unmanaged = format_count(len(plan.actions), "action"), format_count(len(plan.unmanaged), "unmanaged key")
    path = sanitize(ledger, width=1000)
    return f"{sanitize(plan.manifest)}: {actions} and {unmanaged} for {sanitize(plan.owner)}, ledger {path}"


def _sum(summaries: Iterable[Summary]) -> Summary:
    counted = list(summaries)
    return Summary(**{field.name: sum(getattr(one, field.name) for one in counted) for field in fields(Summary)})


def _count_undone(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for kind, word in ((Failed, "failed"), (InDoubt, "in doubt"), (NotTried, "not tried")):
        number = sum(isinstance(outcome, kind) for outcome in outcomes)
        if number:
            yield f"{number} {word}"
