"""Plans, applies, drifts and validations as a page: counts, then the rows, the most dangerous first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import htpy

from keyplan.model.plan import Summary
from keyplan.renderers.html.findings import list_findings
from keyplan.renderers.html.page import Tile, draw_tiles, render_page
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import Level, Row, Sheet, Subject
from keyplan.renderers.style import Style
from keyplan.renderers.words import format_count

_LONG = 1000
_MOST_TILES = 12
_TITLES: Mapping[Subject, str] = {
    Subject.PLAN: "Plan",
    Subject.APPLY: "Apply",
    Subject.DRIFT: "Drift",
    Subject.VALIDATE: "Validation",
}
_TONES: Mapping[Level, str] = {Level.ERROR: "alarm", Level.WARNING: "wait", Level.NOTICE: "calm"}


def render_sheets(sheets: Sequence[Sheet], *, style: Style) -> str:
    """Return one page about all sheets; there is at least one."""
    about = sheets[0].about
    owners = ", ".join(dict.fromkeys(sheet.owner or sheet.manifest for sheet in sheets))
    together = style.digest if len(sheets) > 1 else ""
    sections = [
        draw_tiles(_count(sheets)),
        *(_draw_sheet(sheet, is_alone=not together) for sheet in sheets),
        _draw_command(together, [sheet.manifest for sheet in sheets]) if together else None,
    ]
    return render_page(
        f"{_TITLES[about]} of {owners}",
        sections,
        assets=style.assets,
        made_at=style.made_at,
        version=style.version,
        command=f"keyplan {about.value}",
    )


def _draw_sheet(sheet: Sheet, *, is_alone: bool) -> htpy.Element:
    return htpy.section[
        htpy.h2[f"{sanitize(sheet.owner)} in {sanitize(sheet.manifest)}" if sheet.owner else sanitize(sheet.manifest)],
        htpy.p[sanitize(sheet.summary, width=_LONG)],
        (htpy.p[sanitize(remark, width=_LONG)] for remark in sheet.remarks),
        list_findings(sheet.rows) if sheet.rows else None,
        _list_unchanged(sheet.unchanged),
        _draw_command(sheet.digest, [sheet.manifest])
        if sheet.digest and sheet.about is Subject.PLAN and is_alone
        else None,
    ]


def _list_unchanged(subjects: Sequence[str]) -> htpy.Node:
    if not subjects:
        return None
    return htpy.details[
        htpy.summary[f"{format_count(len(subjects), 'key')} without a finding or a change"],
        htpy.ul(".plain")[(htpy.li[htpy.code[sanitize(subject)]] for subject in subjects)],
    ]


def _draw_command(digest: str, manifests: Sequence[str]) -> htpy.Element:
    """Return how to apply exactly what was planned; the names are text, and a reader sees them before typing them."""
    names = " ".join(sanitize(name) for name in manifests)
    return htpy.p["To apply exactly this: ", htpy.code[f"keyplan apply --expect {sanitize(digest)} {names}"]]


def _count(sheets: Sequence[Sheet]) -> Iterator[Tile]:
    """Yield the counts of plans and applies in the order of danger; of anything else, how many rows say what."""
    summaries = [sheet.counts for sheet in sheets if sheet.counts]
    if summaries:
        yield from _count_actions(summaries, is_done=sheets[0].about is Subject.APPLY)
    if len(summaries) < len(sheets):
        yield from _count_words([row for sheet in sheets if not sheet.counts for row in sheet.rows])
    if unchanged := sum(len(sheet.unchanged) for sheet in sheets):
        yield Tile(unchanged, "unchanged" if summaries else "in order", "calm")


def _count_actions(summaries: Sequence[Summary], *, is_done: bool) -> Iterator[Tile]:
    yield Tile(sum(one.cut_off for one in summaries), "cut off" if is_done else "stop at once (cut off)", "alarm")
    yield Tile(sum(one.destroy for one in summaries), "destroyed" if is_done else "to destroy", "alarm")
    yield Tile(sum(one.blocked for one in summaries), "blocked", "alarm")
    yield Tile(sum(one.change for one in summaries), "changed" if is_done else "to change", "wait")
    yield Tile(sum(one.add for one in summaries), "added" if is_done else "to add", "calm")
    yield Tile(sum(one.imported for one in summaries), "imported" if is_done else "to import", "calm")
    yield Tile(sum(one.retire for one in summaries), "to retire later", "wait")
    if waiting := sum(one.waiting for one in summaries):
        yield Tile(waiting, "wait for a later wave", "wait")
    if unmanaged := sum(one.unmanaged for one in summaries):
        yield Tile(unmanaged, "unmanaged (not touched)", "calm")


def _count_words(rows: Sequence[Row]) -> Iterator[Tile]:
    counted = Counter((row.word, row.level) for row in rows)
    for (word, level), number in list(counted.items())[:_MOST_TILES]:
        yield Tile(number, word, _TONES[level])
