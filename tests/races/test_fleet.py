"""Weeks of runs that meet by chance: the keys are renewed when they are due, once, and every consumer's key works."""

from __future__ import annotations

import pytest
from races.fleet import DAY, FleetFigures, live_through

pytestmark = pytest.mark.usefixtures("one_thread")
SEED = 14


def _live(manifests: int) -> FleetFigures:
    *_, figures = live_through(manifests, runners=100, duration=30 * DAY, seed=SEED)
    return figures


def test_a_month_of_some_manifests_and_a_hundred_runners_keeps_every_consumer_at_work() -> None:
    figures = _live(8)
    # One key at the start, and one for each week; a killed or suspended run may cost another one.
    assert 5 * 8 <= figures.rotations <= 5 * 8 + figures.killed + figures.paused
    assert figures.killed > 0
    assert figures.meetings > 200


@pytest.mark.soak
def test_a_month_of_a_thousand_manifests_and_a_hundred_runners_keeps_every_consumer_at_work() -> None:
    figures = _live(1000)
    assert 5 * 1000 <= figures.rotations <= 5 * 1000 + figures.killed + figures.paused
    print(  # noqa: T201 - the figures for docs/scale.md
        f"{figures.manifests} manifests, {figures.runs} runs, {figures.meetings} meetings in "
        f"{len(figures.schedules)} schedules, {figures.killed} killed, {figures.paused} suspended, "
        f"{figures.rotations} keys made, exit statuses {dict(figures.statuses)}"
    )
