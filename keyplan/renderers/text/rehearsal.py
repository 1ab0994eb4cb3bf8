"""A rehearsal as text for a terminal: faults that come to the same stand together."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping

from keyplan.model.rehearsal import (
    Hardship,
    Mishap,
    Moment,
    Rehearsal,
    RehearsedAction,
    RehearsedDay,
    RehearsedFault,
    RehearsedRun,
    Step,
)
from keyplan.model.times import show_time, write_duration
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import PLAIN, Palette, Tone
from keyplan.renderers.words import REASONS, format_count, join_words

_KINDS: Mapping[Mishap, str] = {
    Mishap.NOTHING: "no fault",
    Mishap.KILLED_BEFORE: "killed before",
    Mishap.KILLED_AFTER: "killed after",
    Mishap.ANSWER_LOST: "answer lost of",
    Mishap.THROTTLED: "429 from the provider from",
    Mishap.SINK_DOWN: "a sink is down from",
    Mishap.DISK_FULL: "the disk is full from",
    Mishap.CLOCK_AHEAD: "the clock is a day ahead",
    Mishap.SECOND_RUNNER: "a second runner starts before",
}
_HARDSHIPS: Mapping[Hardship, str] = {
    Hardship.NOTHING: "none: every place holds a working key throughout",
    Hardship.NO_KEY_YET: "does not have a key yet",
    Hardship.OLD_KEY_ENDED: "holds a working key; the one that was read before has ended",
    Hardship.DEAD_KEY: "holds a key that does not work",
    Hardship.KEY_REMOVED: "holds no key any longer",
}
_LONG = 1000


def render_rehearsal(rehearsal: Rehearsal, palette: Palette = PLAIN) -> str:
    """Return the rehearsal as text, what it comes to as the last line."""
    blocks = [
        list(_head(rehearsal)),
        *(_describe_faults(group, palette) for group in _group(rehearsal.faults)),
        *([[line for day in rehearsal.days for line in _describe_day(day, palette)]] if rehearsal.days else []),
        [palette.paint(Tone.STRONG, _summarize(rehearsal))],
    ]
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks)


def _head(rehearsal: Rehearsal) -> Iterator[str]:
    owner, manifest = sanitize(rehearsal.owner), sanitize(rehearsal.manifest)
    yield f"Rehearsed on a copy in memory: keys of {owner} in {manifest}, as of {show_time(rehearsal.now)}"
    yield f"Read for it: {join_words([sanitize(one, width=_LONG) for one in rehearsal.asked])}. Nothing was changed."
    for key in rehearsal.keys:
        alike = f" (as {format_count(key.stands_for - 1, 'other')} like it)" if key.stands_for > 1 else ""
        yield f"  {_describe_action(key.action)}{alike}"
    if rehearsal.left_out:
        yield f"  {format_count(rehearsal.left_out, 'key')} of other kinds left out"


def _group(faults: tuple[RehearsedFault, ...]) -> list[list[RehearsedFault]]:
    """Return the faults of one kind that come to the same together, in the order of their first."""
    groups: dict[Hashable, list[RehearsedFault]] = {}
    for fault in faults:
        outcome = (fault.kind, fault.run, fault.other, fault.next_run, fault.moment, fault.is_settled)
        groups.setdefault(outcome, []).append(fault)
    return list(groups.values())


def _describe_faults(faults: list[RehearsedFault], palette: Palette) -> list[str]:
    fault = faults[0]
    steps = ", ".join(_describe_step(one.step) for one in faults if one.step)
    lines = [
        palette.paint(Tone.STRONG, " ".join(filter(None, (_KINDS[fault.kind], steps)))),
        f"  this run  {_describe_run(fault.run)}",
        *([f"  other     {_describe_run(fault.other)}"] if fault.other else []),
        f"  next run  {_describe_run(fault.next_run)}",
        *(f"            {_describe_action(action)}" for action in fault.next_run.actions),
        f"  consumer  {_describe_moment(fault.moment)}",
    ]
    if not fault.is_settled:
        lines.append(palette.paint(Tone.ALARM, "  after it, there is still something to do"))
    return lines


def _describe_step(step: Step | None) -> str:
    if step is None or not step.name:
        return "the start"
    sink = f" {sanitize(step.sink)}" if step.sink else ""
    address = f" for {sanitize(step.address)}" if step.address else ""
    return f"{step.name}{sink}{address}"


def _describe_run(run: RehearsedRun) -> str:
    if run.exit_status is None:
        return "killed"
    waited = f" (after waiting {write_duration(run.waited)})" if run.waited else ""
    return f"exit {int(run.exit_status)}  {sanitize(run.line, width=_LONG)}{waited}"


def _describe_action(action: RehearsedAction) -> str:
    blocked = f", blocked by {action.blocked_by}" if action.blocked_by else ""
    return f"{action.verb.value} {sanitize(action.address)}: {REASONS[action.reason]}{blocked}"


def _describe_moment(moment: Moment) -> str:
    if moment.hardship is Hardship.NOTHING:
        return _HARDSHIPS[moment.hardship]
    since = f" from {_describe_step(moment.since)}" if moment.since else ""
    asked = "; the manifest asks for it (overlap: 0s)" if moment.is_asked_for else ""
    return f"{sanitize(moment.place, width=_LONG)} {_HARDSHIPS[moment.hardship]}{since}{_describe_end(moment)}{asked}"


def _describe_end(moment: Moment) -> str:
    if moment.until:
        return f" until {_describe_step(moment.until)}"
    return " until the next run" if moment.is_ended_by_next_run else ", and the next run does not change it"


def _describe_day(day: RehearsedDay, palette: Palette) -> Iterator[str]:
    if not day.run.actions and not day.moments:
        return
    yield f"{palette.paint(Tone.STRONG, show_time(day.at))}  {_describe_run(day.run)}"
    yield from (f"  {_describe_action(action)}" for action in day.run.actions)
    yield from (f"  {palette.paint(Tone.ALARM, 'consumer')}  {_describe_moment(moment)}" for moment in day.moments)


def _summarize(rehearsal: Rehearsal) -> str:
    unsettled = sum(not fault.is_settled for fault in rehearsal.faults)
    if rehearsal.days:
        busy = sum(bool(day.run.actions) for day in rehearsal.days)
        return f"{format_count(len(rehearsal.days), 'day')}, {busy} with something to do."
    text = f"{format_count(len(rehearsal.faults) - 1, 'fault')}."
    if unsettled:
        return f"{text} After {unsettled}, the run after the next one still has something to do."
    # What was blocked without any fault was not caused by a fault.
    known = rehearsal.faults[0].next_run.blocked
    blocked = sum(fault.next_run.blocked > known for fault in rehearsal.faults)
    if blocked:
        return f"{text} After {blocked}, the next run is blocked, and a user has to act; after the others, it finishes."
    return f"{text} After each, the next run finishes."
