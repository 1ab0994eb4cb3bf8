"""The lines about whole plans and reports: their counts in one line, and remarks that concern all of it.

Scripts match the lines in Terraform's shape ("Plan: ...", "No changes. ...", "Apply complete! ..."), so their words are
a promise. "Apply complete!" must never appear if something was not done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields

from keyplan.model.drift import Drift
from keyplan.model.history import HistoryEntry, HistoryNote
from keyplan.model.plan import FreshPlan, Plan, Summary
from keyplan.model.report import Failed, InDoubt, NotTried, Outcome, Report
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.words import format_count

_NO_CHANGES = "No changes. Your keys match the manifest."
_MOST_NAMED = 3
_LONG = 1000
SHORT_DIGEST = 12
"""Hex digits of a digest that text shows; `--expect` takes so many, or more."""


def summarize_plans(plans: Sequence[Plan]) -> str:
    """Return ``Plan: 2 to add, 1 to change, 1 to destroy.`` of all together, or that there is nothing to do.

    Up to three sentences follow, as `count_further` says.
    """
    total = _sum(plan.summary for plan in plans)
    # What waits is not a change yet, but the keys do not match the manifest all the same.
    if not total.waiting and not any(plan.has_differences or plan.refuses_unmanaged for plan in plans):
        return _NO_CHANGES
    planned = f"Plan: {total.add} to add, {total.change} to change, {total.destroy} to destroy."
    return " ".join([planned, *count_further(total)])


def summarize_reports(reports: Sequence[Report]) -> str:
    """Return ``Apply complete! Resources: 2 added, ...`` of all together, or how much is not done."""
    total = _sum(report.summary for report in reports)
    changed = f"Resources: {total.add} added, {total.change} changed, {total.destroy} destroyed."
    resources = " ".join([changed, *count_further(total)])
    undone = ", ".join(_count_undone([outcome for report in reports for outcome in report.outcomes]))
    text = f"Apply incomplete. {resources} Not done: {undone}." if undone else f"Apply complete! {resources}"
    left = sum(len(report.left) for report in reports)
    return f"{text} {left} left for a reviewed apply." if left else text


def name_providers(about: Plan | Drift) -> str:
    """Return where the keys are: ``URL (beta API)``, and the other providers of the manifest by their names."""
    usual = f"{sanitize(about.provider, width=_LONG)} ({sanitize(about.dialect)} API)"
    further = (
        f"{sanitize(name)} at {sanitize(url, width=_LONG)}" for name, url in sorted(about.further_providers.items())
    )
    return ", ".join([usual, *further])


def shorten_digest(digest: str, *, is_verbose: bool) -> str:
    """Return a digest as text shows it: its beginning, or the whole with ``--verbose``."""
    return digest if is_verbose else digest[:SHORT_DIGEST]


def describe_head(report: Report) -> Iterator[str]:
    """Yield where an apply stands in the ledger's history; a head that is kept elsewhere proves the history later."""
    yield from describe_note(HistoryNote(link=report.history, failure=report.history_failure), what="apply")


def describe_note(note: HistoryNote, *, what: str) -> Iterator[str]:
    """Yield where a command stands in the ledger's history, or that it could not be added; `what` names it."""
    if note.link:
        yield f"History: entry {note.link.number}, head {sanitize(note.link.hash)}"
    if note.failure:
        yield f"History: this {what} could not be added: {sanitize(note.failure, width=1000)}"


def summarize_entry(entry: HistoryEntry) -> str:
    """Return the counts of an apply, or the command if it was none; sanitized."""
    if not entry.digest:
        return sanitize(entry.command)
    return f"{entry.added} added, {entry.changed} changed, {entry.destroyed} destroyed, {entry.failed} failed"


def count_further(summary: Summary) -> Iterator[str]:
    """Yield what Terraform has no words for, a sentence each; nothing for a count of zero."""
    counts = (
        (summary.retire, "to retire later"),
        (summary.blocked, "blocked"),
        (summary.cut_off, "cut off"),
        (summary.waiting, "waiting for a later wave"),
    )
    return (f"{number} {words}." for number, words in counts if number)


def describe_selection(plans: Sequence[FreshPlan], selection: str) -> str:
    """Return one line about how much of the plans is executed, if only a selection of their actions is."""
    chosen = sum(len(plan.chosen_changes) for plan in plans)
    left = sum(len(plan.left) for plan in plans)
    what = "imports are" if selection == "import" else f"what is {selection} is"
    return f"Only {what} applied: {format_count(chosen, 'action')}, {left} left for a reviewed apply."


def list_plan_remarks(plan: Plan) -> Iterator[str]:
    """Yield what a reader should know of the plan as a whole, a line each; sanitized."""
    if plan.request.targets:
        targets = ", ".join(sanitize(target) for target in plan.request.targets)
        yield f"Only {targets} was planned; the rest was not checked."
    elif plan.request.names_keys:
        yield "Only the keys above were planned; the rest was not checked."
    yield from _list_waves(plan)
    if plan.blocked or plan.refuses_unmanaged:
        yield "Blocked actions will not run; each one says what to do."


def _list_waves(plan: Plan) -> Iterator[str]:
    """Yield what waits for its turn, a line for each wave that waits for one thing."""
    waves: defaultdict[tuple[int, int, str], list[str]] = defaultdict(list)
    for action in plan.actions:
        if action.turn:
            waves[action.turn.wave, action.turn.waves, action.explanation].append(sanitize(action.address))
    for (wave, number, why), addresses in sorted(waves.items()):
        left = len(addresses) - _MOST_NAMED
        named = ", ".join(addresses[:_MOST_NAMED]) + (f" and {left} more" if left > 0 else "")
        keys = format_count(len(addresses), "key")
        yield f"Wave {wave} of {number} waits ({keys}: {named}): {sanitize(why, width=_LONG)}."


def describe_planned(plan: Plan, *, ledger: str) -> str:
    """Return one line about what was planned, from which ledger; sanitized."""
    actions, unmanaged = format_count(len(plan.actions), "action"), format_count(len(plan.unmanaged), "unmanaged key")
    path = sanitize(ledger, width=1000)
    told = f"{sanitize(plan.manifest)}: {actions} and {unmanaged} for {sanitize(plan.owner)}, ledger {path}"
    # The plan itself calls spaces by name.
    spaces = [f"space {sanitize(name)} is {sanitize(space_id)}" for space_id, name in plan.space_names.items()]
    return "\n".join([told, *spaces])


def _sum(summaries: Iterable[Summary]) -> Summary:
    counted = list(summaries)
    return Summary(**{field.name: sum(getattr(one, field.name) for one in counted) for field in fields(Summary)})


def _count_undone(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for kind, word in ((Failed, "failed"), (InDoubt, "in doubt"), (NotTried, "not tried")):
        number = sum(isinstance(outcome, kind) for outcome in outcomes)
        if number:
            yield f"{number} {word}"
