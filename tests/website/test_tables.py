"""The reference of words, statuses, metrics and events names each member of the code's own tables."""

from __future__ import annotations

from enum import Enum

import pytest
from website.tables import (
    STATUSES,
    list_errors,
    write_exit_statuses,
    write_metrics,
    write_watch_events,
    write_words,
)

from keyplan.app.exit_codes import ExitStatus
from keyplan.model.calendar import Happening
from keyplan.model.drift import Cause, DriftKind
from keyplan.model.explanation import Evidence, PlaceState, SubjectStanding, TableRow
from keyplan.model.plan import Guard, Reason, Verb
from keyplan.model.watch import WatchNews
from keyplan.renderers.machine.metrics import FAMILIES

WORDS = (Verb, Reason, Guard, Cause, DriftKind, TableRow, Evidence, SubjectStanding, PlaceState, Happening)


@pytest.mark.parametrize("enum", WORDS, ids=[one.__name__ for one in WORDS])
def test_every_word_is_there(enum: type[Enum]) -> None:
    text = write_words()
    assert [member.value for member in enum if f"| `{member.value}` |" not in text] == []


@pytest.mark.parametrize("status", [one for one in ExitStatus if one is not ExitStatus.SIGNALLED])
def test_every_exit_status_of_the_code_has_a_meaning(status: ExitStatus) -> None:
    assert f"| {int(status)} | {STATUSES[status]} |" in write_exit_statuses()


def test_every_error_is_there_with_a_status_that_has_a_meaning() -> None:
    text, errors = write_exit_statuses(), list(list_errors())
    assert len(errors) > 10
    assert [error.__name__ for error in errors if f"| `{error.__name__}` | {error.exit_status} |" not in text] == []
    assert {error.exit_status for error in errors} <= STATUSES.keys()


def test_every_metric_is_there_with_its_type() -> None:
    text = write_metrics()
    assert [
        name for name in FAMILIES if f"| `{name}` | {'counter' if name.endswith('_total') else 'gauge'} |" not in text
    ] == []


def test_every_event_of_a_watch_is_there() -> None:
    text = write_watch_events()
    assert [news.value for news in WatchNews if f"| `{news.value}` |" not in text] == []
