"""Overviews as a page for people who do not run keyplan: what needs attention, what comes next, every key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import htpy

from keyplan.model.calendar import Happening
from keyplan.model.overview import LifeState, Overview
from keyplan.renderers.html.findings import list_findings
from keyplan.renderers.html.page import Tile, draw_tiles, render_page
from keyplan.renderers.html.table import draw_table
from keyplan.renderers.html.timeline import draw_legend
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import Level, Row, Sheet
from keyplan.renderers.style import Assets
from keyplan.renderers.summary import name_providers, summarize_plans
from keyplan.renderers.words import format_count

_TITLE = "API keys"


def render_report_page(
    overviews: Sequence[tuple[Overview, Sheet]],
    *,
    failed: Sequence[Sheet] = (),
    assets: Assets,
    version: str,
) -> str:
    """Return the page of manifests, each with the sheet of its drift; `failed` has those without an overview.

    There is at least one overview.
    """
    every = [overview for overview, _ in overviews]
    sections = [
        draw_tiles(_count(every, len(failed))),
        *(list_findings(sheet.rows) for sheet in failed),
        *(_draw_manifest(overview, sheet, number) for number, (overview, sheet) in enumerate(overviews, 1)),
    ]
    owners = ", ".join(overview.plan.owner for overview in every)
    title = f"{_TITLE} of {owners}"
    return render_page(
        title, sections, assets=assets, made_at=every[0].since, version=version, command="keyplan report"
    )


def _draw_manifest(overview: Overview, sheet: Sheet, number: int) -> htpy.Element:
    plan = overview.plan
    open_rows = [row for row in sheet.rows if row.level is not Level.NOTICE]
    noted = [row for row in sheet.rows if row.level is Level.NOTICE]
    attention = frozenset(row.subject for row in open_rows)
    return htpy.section[
        htpy.h2[f"{sanitize(plan.owner)} in {sanitize(plan.manifest)}"],
        htpy.p(".faint")[name_providers(plan)],
        htpy.p[sanitize(sheet.summary, width=1000), " ", summarize_plans([plan])],
        (htpy.p[sanitize(remark, width=1000)] for remark in sheet.remarks),
        list_findings(open_rows) if open_rows else htpy.p["Nothing needs attention."],
        _fold(noted),
        draw_legend(),
        draw_table(overview, attention, number=number),
    ]


def _fold(rows: Sequence[Row]) -> htpy.Node:
    if not rows:
        return None
    return htpy.details[htpy.summary[f"{format_count(len(rows), 'finding')} for information"], list_findings(rows)]


def _count(overviews: Sequence[Overview], failed: int) -> Iterator[Tile]:
    """Yield how many, of what, and how much that matters."""
    lives = [life for overview in overviews for life in overview.keys]
    happenings = [{event.happening for event in life.events} for life in lives]
    summaries = [overview.plan.summary for overview in overviews]
    if failed:
        yield Tile(failed, "manifests that could not be read", "alarm")
    yield Tile(sum(life.standing is LifeState.CURRENT for life in lives), "keys in use", "calm")
    yield Tile(sum(len(overview.drift.alarms) for overview in overviews), "need attention", "alarm")
    yield Tile(sum(summary.blocked for summary in summaries), "blocked", "alarm")
    yield Tile(sum(summary.cut_off for summary in summaries), "stop with the next apply", "alarm")
    yield Tile(sum(Happening.EXPIRES in each for each in happenings), "expire without renewal", "alarm")
    yield Tile(sum(Happening.ROTATES in each for each in happenings), "rotate in this time", "calm")
    yield Tile(sum(life.standing is LifeState.OLD for life in lives), "superseded keys still live", "wait")
    yield Tile(sum(summary.unmanaged for summary in summaries), "unmanaged keys", "wait")
