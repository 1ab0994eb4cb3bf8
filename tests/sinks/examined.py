"""What every examination must say of a place: the same as an intent there, and with the place."""

from __future__ import annotations

import re

import pytest
from samples import make_intent

from keyplan.errors import SinkDeniedError
from keyplan.model.examination import Health
from keyplan.model.observation import Slot
from keyplan.ports import Sink, Surveyable


def assert_told_beforehand(sink: Sink, slot: Slot, why: str, *, is_local: bool = True) -> None:
    """Assert that a look says what an intent is refused for, names the place, and shows what `inspect` shows."""
    assert isinstance(sink, Surveyable)
    survey = sink.survey([slot])
    broken = [finding for finding in survey.findings if finding.health is Health.BROKEN]
    assert [finding for finding in broken if re.search(why, finding.detail)], broken
    assert {finding.location for finding in broken} == {slot.location if is_local else ""}
    assert all(finding.advice for finding in broken)
    assert survey.holdings == sink.inspect([slot])
    with pytest.raises(SinkDeniedError, match=why):
        sink.intend(slot, make_intent())


def assert_nothing_in_the_way(sink: Sink, slot: Slot) -> None:
    """Assert that a look finds nothing, and that an intent is taken."""
    assert isinstance(sink, Surveyable)
    assert [finding for finding in sink.survey([slot]).findings if finding.health is Health.BROKEN] == []
    sink.intend(slot, make_intent())
