"""Plans as text for a terminal, which a user reads before approving them: the most dangerous first.

The last line keeps Terraform's shape, because scripts match it. A colour never stands without its word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keyplan.documents.plan import digest
from keyplan.documents.plan_set import digest_to_approve
from keyplan.model.manifest import Unmanaged
from keyplan.model.plan import Action, Plan, Summary
from keyplan.renderers.danger import Danger, order_actions, rate_danger
from keyplan.renderers.descriptions import describe_action
from keyplan.renderers.renames import RENAMED, find_renames
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import Palette, Style, Tone
from keyplan.renderers.summary import list_plan_remarks, name_providers, shorten_digest, summarize_plans
from keyplan.renderers.text.layout import Line, make_label, render_blocks
from keyplan.renderers.text.rows import FOLDED, WHAT_TO_DO, TextRow, is_folded, list_lines, split_address
from keyplan.renderers.words import choose_sign, format_count, format_reason

_SIGN_WIDTH = 3
_WORD_WIDTH = 7
_UNMANAGED_SHOWN = 10
"""How many unmanaged keys are named if they block the plan; the rest is counted."""
_PLAIN_STYLE = Style()


def render_plans(plans: Sequence[Plan], style: Style = _PLAIN_STYLE) -> str:
    """Return the plans as text, each under its own head, and the summary of all as the last line."""
    texts = [render_plan(plan, style) for plan in plans]
    if len(texts) == 1:
        return texts[0]
    digest_of_all = shorten_digest(digest_to_approve(plans), is_verbose=style.is_verbose)
    lines = [
        Line(text=f"{len(plans)} manifests"),
        *([Line(text=f"Digest of all: {digest_of_all}")] if digest_of_all else []),
        Line(text=summarize_plans(plans), tone=Tone.STRONG),
    ]
    return "\n".join([*texts, render_blocks([lines], style)])


def render_plan(plan: Plan, style: Style = _PLAIN_STYLE) -> str:
    """Return the plan as text, its summary as the last line."""
    rows = _build_rows(plan, style.palette)
    folded = [Line(text=FOLDED)] if is_folded(rows, is_verbose=style.is_verbose) else []
    blocks = [
        [_head(plan)],
        [*_refuse_unmanaged(plan, style.palette), *list_lines(rows, is_verbose=style.is_verbose)],
        [_warn(text, style.palette) for text in plan.warnings],
        [*folded, *(Line(text=text) for text in (*list_plan_remarks(plan), *_close(plan)))],
        [*_name_digest(plan, style), Line(text=summarize_plans([plan]), tone=Tone.STRONG)],
    ]
    return render_blocks(blocks, style)


def _head(plan: Plan) -> Line:
    owner, manifest = sanitize(plan.owner), sanitize(plan.manifest)
    return Line(text=f"Keys of {owner} in {manifest}, at {name_providers(plan)}")


def _warn(text: str, palette: Palette) -> Line:
    return Line(prefix=f"{palette.paint(Tone.CHANGE, 'Warning:')} ", text=sanitize(text, width=1000), hang=2)


def _close(plan: Plan) -> Iterator[str]:
    """Yield what the summary line has no room for."""
    if plan.unmanaged and plan.unmanaged_policy is Unmanaged.REPORT:
        count = format_count(len(plan.unmanaged), "unmanaged key")
        yield f"{count} (not touched); to list them: keyplan list --unmanaged"
    counts = _counts(plan.summary)
    if counts:
        yield ", ".join(counts) + "."


def _name_digest(plan: Plan, style: Style) -> list[Line]:
    if not plan.is_approvable:
        return []
    return [Line(text=f"Digest: {shorten_digest(digest(plan), is_verbose=style.is_verbose)}")]


def _counts(summary: Summary) -> list[str]:
    counted = (
        (summary.keep, "unchanged"),
        (summary.imported, "to import"),
        (summary.forget, "to forget"),
    )
    return [f"{number} {word}" for number, word in counted if number]


def _build_rows(plan: Plan, palette: Palette) -> list[TextRow]:
    renames = find_renames(plan.actions)
    shown = order_actions(action for action in plan.actions if not action.is_unremarkable)
    return [_build_row(action, plan, renames.get(action.address, ""), palette) for action in shown]


def _build_row(action: Action, plan: Plan, rename: str, palette: Palette) -> TextRow:
    danger = rate_danger(action)
    sign, tone = ("!", Tone.ALARM) if action.blocked else choose_sign(action)
    reason = f"  ({format_reason(action)}{'; cuts off' if action.cuts_off else ''})"
    space, name = split_address(action.address)
    is_made = action.verb.value == "create"
    return TextRow(
        kind=(danger, action.verb, reason, action.blocked and action.blocked.guard),
        mark=_mark(sign, "blocked" if action.blocked else action.verb.value, tone, palette),
        before=f"{action.verb.value} " if action.blocked else "",
        subject=sanitize(action.address),
        after=reason,
        folded_after=reason,
        space=space,
        name=name,
        details=(*describe_action(action, plan.space_names), *([(RENAMED, rename)] if rename and is_made else [])),
        is_dangerous=danger in (Danger.CUTS_OFF, Danger.DESTROYS, Danger.BLOCKED),
    )


def _mark(sign: str, word: str, tone: Tone, palette: Palette) -> str:
    return f"  {palette.paint(tone, f'{sign:<{_SIGN_WIDTH}} {word:<{_WORD_WIDTH}}')}  "


def _refuse_unmanaged(plan: Plan, palette: Palette) -> Iterator[Line]:
    if not plan.refuses_unmanaged:
        return
    count = format_count(len(plan.unmanaged), "unmanaged key")
    yield Line(prefix=_mark("!", "blocked", Tone.ALARM, palette), text=f"{count} (unmanaged: fail)", hang=15)
    for view in plan.unmanaged[:_UNMANAGED_SHOWN]:
        kind = view.key_type.value if view.key_type else "unknown"
        yield make_label(kind, f"{sanitize(view.name, width=60)}  {sanitize(view.id or '')}".rstrip(), is_dated=False)
    if len(plan.unmanaged) > _UNMANAGED_SHOWN:
        yield make_label("", f"and {len(plan.unmanaged) - _UNMANAGED_SHOWN} more")
    advice = "declare them with adopt, delete them, or set unmanaged: report; to list them: keyplan list --unmanaged"
    yield make_label(WHAT_TO_DO, advice, is_pasted=True)
