"""Plans as text for a terminal, which a user reads before approving them.

The last line keeps Terraform's shape, because scripts match it. A colour never stands without its word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from keyplan.documents.plan import digest
from keyplan.documents.plan_set import digest_to_approve
from keyplan.model.manifest import Unmanaged
from keyplan.model.plan import Action, KeyView, Plan, Summary
from keyplan.renderers.descriptions import describe_action
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import PLAIN, Palette, Tone
from keyplan.renderers.summary import list_plan_remarks, summarize_plans
from keyplan.renderers.words import choose_sign, format_count, format_reason

UNMANAGED_SHOWN = 20
"""Upper bound of the unmanaged keys that are named; the rest is counted."""

_SIGN_WIDTH = 3
_WORD_WIDTH = 7
_INDENT = " " * 6


def render_plans(plans: Sequence[Plan], palette: Palette = PLAIN) -> str:
    """Return the plans as text, each under its own head, and the summary of all as the last line."""
    texts = [render_plan(plan, palette) for plan in plans]
    if len(texts) == 1:
        return texts[0]
    digest_of_all = digest_to_approve(plans)
    lines = [
        f"{len(plans)} manifests",
        *([f"Digest of all: {digest_of_all}"] if digest_of_all else []),
        palette.paint(Tone.STRONG, summarize_plans(plans)),
    ]
    return "\n".join([*texts, "".join(f"{line}\n" for line in lines)])


def render_plan(plan: Plan, palette: Palette = PLAIN) -> str:
    """Return the plan as text, its summary as the last line."""
    blocks = [
        [_head(plan)],
        [line for action in plan.actions for line in _describe(action, plan.space_names, palette)],
        list(_unmanaged(plan, palette)),
        [f"{palette.paint(Tone.CHANGE, 'Warning:')} {sanitize(text, width=1000)}" for text in plan.warnings],
        [*list_plan_remarks(plan), *_close(plan)],
        [palette.paint(Tone.STRONG, summarize_plans([plan]))],
    ]
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks if block)


def _head(plan: Plan) -> str:
    owner, manifest = sanitize(plan.owner), sanitize(plan.manifest)
    return f"Keys of {owner} in {manifest}, at {sanitize(plan.provider)} ({sanitize(plan.dialect)} API)"


def _close(plan: Plan) -> Iterator[str]:
    """Yield what the summary line has no room for."""
    counts = _counts(plan.summary)
    if counts:
        yield ", ".join(counts) + "."
    if plan.is_approvable:
        yield f"Digest: {digest(plan)}"


def _counts(summary: Summary) -> list[str]:
    counted = (
        (summary.keep, "unchanged"),
        (summary.imported, "to import"),
        (summary.forget, "to forget"),
    )
    return [f"{number} {word}" for number, word in counted if number]


def _describe(action: Action, space_names: Mapping[str, str], palette: Palette) -> Iterator[str]:
    if action.is_unremarkable:
        return
    yield _headline(action, palette)
    for label, text in describe_action(action, space_names):
        yield f"{_INDENT}{label:<12} {text}"


def _headline(action: Action, palette: Palette) -> str:
    sign, tone = choose_sign(action)
    cuts_off = "; cuts off" if action.cuts_off else ""
    subject = f"{sanitize(action.address)}  ({format_reason(action)}{cuts_off})"
    if action.blocked:
        return f"{_mark('!', 'blocked', Tone.ALARM, palette)}  {action.verb.value} {subject}"
    return f"{_mark(sign, action.verb.value, tone, palette)}  {subject}"


def _mark(sign: str, word: str, tone: Tone, palette: Palette) -> str:
    return f"  {palette.paint(tone, f'{sign:<{_SIGN_WIDTH}} {word:<{_WORD_WIDTH}}')}"


def _unmanaged(plan: Plan, palette: Palette) -> Iterator[str]:
    if plan.unmanaged_policy is Unmanaged.IGNORE or not plan.unmanaged:
        return
    count = format_count(len(plan.unmanaged), "unmanaged key")
    if plan.refuses_unmanaged:
        yield f"{_mark('!', 'blocked', Tone.ALARM, palette)}  {count} (unmanaged: fail)"
    else:
        yield f"{count} (not touched):"
    for view in plan.unmanaged[:UNMANAGED_SHOWN]:
        yield f"{_INDENT}{_kind(view):<12} {sanitize(view.name, width=60)}  {sanitize(view.id or '')}"
    if len(plan.unmanaged) > UNMANAGED_SHOWN:
        yield f"{_INDENT}and {len(plan.unmanaged) - UNMANAGED_SHOWN} more; keyplan list shows all"
    if plan.refuses_unmanaged:
        yield f"{_INDENT}{'what to do':<12} declare them with adopt, delete them, or set unmanaged: report"


def _kind(view: KeyView) -> str:
    return view.key_type.value if view.key_type else "unknown"
