"""A plan as a person reads it, before saying yes to it.

In: a plan. Out: text that ends in Terraform's summary line, because scripts match that. Never: a colour
without its word, a name that is not inert.
"""

from __future__ import annotations

from collections.abc import Iterator

from keyplan.documents.plan import digest
from keyplan.model.manifest import Unmanaged
from keyplan.model.plan import Action, KeyView, Plan, Reason, Summary, Verb
from keyplan.renderers.palette import PLAIN, Palette, Tone
from keyplan.renderers.sanitize import inert
from keyplan.renderers.text.actions import describe_action
from keyplan.renderers.words import SIGNS, say_count, say_reason

UNMANAGED_SHOWN = 20
"""So many keys that nobody declared are named; the rest is counted."""

_SIGN_WIDTH = 3
_WORD_WIDTH = 7
_INDENT = " " * 6
_NO_CHANGES = "No changes. Your keys match the manifest."


def render_plan(plan: Plan, palette: Palette = PLAIN) -> str:
    """Return the plan as text, its summary as the last line."""
    blocks = [
        [_head(plan)],
        [line for action in plan.actions for line in _describe(action, palette)],
        list(_unmanaged(plan, palette)),
        [f"{palette.paint(Tone.CHANGE, 'Warning:')} {inert(text, width=1000)}" for text in plan.warnings],
        [*list_asides(plan), *_close(plan)],
        [palette.paint(Tone.STRONG, summarize(plan))],
    ]
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks if block)


def summarize(plan: Plan) -> str:
    """Return ``Plan: 2 to add, 1 to change, 1 to destroy.``, or that there is nothing to do."""
    return say_summary(plan.summary, is_different=plan.has_differences or plan.refuses_unmanaged)


def say_summary(summary: Summary, *, is_different: bool) -> str:
    """Return Terraform's line for these counts, or that there is nothing to do."""
    if not is_different:
        return _NO_CHANGES
    return f"Plan: {summary.add} to add, {summary.change} to change, {summary.destroy} to destroy."


def outline(plan: Plan, *, ledger: str) -> str:
    """Return one line that names what a plan was made of."""
    actions, strangers = say_count(len(plan.actions), "action"), say_count(len(plan.unmanaged), "unmanaged key")
    place = inert(ledger, width=1000)
    return f"{inert(plan.manifest)}: {actions} and {strangers} for {inert(plan.owner)}, ledger {place}"


def _head(plan: Plan) -> str:
    owner, manifest = inert(plan.owner), inert(plan.manifest)
    return f"Keys of {owner} in {manifest}, at {inert(plan.provider)} ({inert(plan.dialect)} API)"


def list_asides(plan: Plan) -> Iterator[str]:
    """Yield what a reader should know of the plan as a whole, a line each; inert for a terminal."""
    if plan.request.targets:
        targets = ", ".join(inert(target) for target in plan.request.targets)
        yield f"Only what fits {targets} was looked at; the rest was not."
    if plan.blocked or plan.refuses_unmanaged:
        yield "What is blocked is left as it is; what to do about it stands beside it."


def _close(plan: Plan) -> Iterator[str]:
    """Yield what the summary line has no room for."""
    counts = _counts(plan.summary)
    if counts:
        yield ", ".join(counts) + "."
    if plan.changes:
        yield f"Digest: {digest(plan)}"


def _counts(summary: Summary) -> list[str]:
    counted = (
        (summary.keep, "unchanged"),
        (summary.forget, "to forget"),
        (summary.blocked, "blocked"),
    )
    return [f"{number} {word}" for number, word in counted if number]


def _describe(action: Action, palette: Palette) -> Iterator[str]:
    if action.verb is Verb.KEEP and action.reason is Reason.UP_TO_DATE and not action.blocked:
        return
    yield _headline(action, palette)
    for label, text in describe_action(action):
        yield f"{_INDENT}{label:<12} {text}"


def _headline(action: Action, palette: Palette) -> str:
    sign, tone = SIGNS[action.verb]
    subject = f"{inert(action.address)}  ({say_reason(action)})"
    if action.blocked:
        return f"{_mark('!', 'blocked', Tone.ALARM, palette)}  {action.verb.value} {subject}"
    return f"{_mark(sign, action.verb.value, tone, palette)}  {subject}"


def _mark(sign: str, word: str, tone: Tone, palette: Palette) -> str:
    return f"  {palette.paint(tone, f'{sign:<{_SIGN_WIDTH}} {word:<{_WORD_WIDTH}}')}"


def _unmanaged(plan: Plan, palette: Palette) -> Iterator[str]:
    if plan.unmanaged_policy is Unmanaged.IGNORE or not plan.unmanaged:
        return
    count = say_count(len(plan.unmanaged), "live key")
    if plan.refuses_unmanaged:
        yield f"{_mark('!', 'blocked', Tone.ALARM, palette)}  {count} that nobody declared (unmanaged: fail)"
    else:
        left = "it is" if len(plan.unmanaged) == 1 else "they are"
        yield f"{count} that nobody declared, left as {left}:"
    for view in plan.unmanaged[:UNMANAGED_SHOWN]:
        yield f"{_INDENT}{_kind(view):<12} {inert(view.name, width=60)}  {inert(view.id or '')}"
    if len(plan.unmanaged) > UNMANAGED_SHOWN:
        yield f"{_INDENT}and {len(plan.unmanaged) - UNMANAGED_SHOWN} more; keyplan list shows all"
    if plan.refuses_unmanaged:
        yield f"{_INDENT}{'what to do':<12} declare them with adopt, delete them, or set unmanaged: report"


def _kind(view: KeyView) -> str:
    return view.key_type.value if view.key_type else "unknown"
