"""A key's next months as a drawing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from calendars import BLOCKED, CREATES, DAY, EXPIRES, RETIRES, ROTATES
from plans import NOW
from renderers.html.overviews import CURRENT, MISSING, OLD, REMOVED

from keyplan.model.calendar import Event, Happening
from keyplan.model.overview import KeyLife
from keyplan.model.plan import Guard
from keyplan.renderers.html.timeline import Scale, describe_events, draw_axis, draw_events, draw_life

SCALE = Scale(NOW, NOW + 100 * DAY)


def bar(life: KeyLife) -> tuple[float, float] | None:
    """Return where the bar of a life begins and ends, of 480; None without one."""
    text = str(draw_life(life, SCALE))
    if 'class="life"' not in text:
        return None
    tag = text[text.index('class="life"') :].partition(">")[0]
    left, width = (float(tag.partition(f'{name}="')[2].partition('"')[0]) for name in ("x", "width"))
    return left, round(left + width, 1)


def at(event: Event, days: float) -> Event:
    return replace(event, at=NOW + days * DAY)


@pytest.mark.parametrize(
    ("life", "expected"),
    [
        pytest.param(replace(CURRENT, events=()), (0, 480), id="a key without end"),
        pytest.param(replace(CURRENT, events=(at(EXPIRES, 50),)), (0, 240), id="its expiry ends it"),
        pytest.param(replace(CURRENT, events=(at(ROTATES, 50),)), (0, 480), id="a rotation does not"),
        pytest.param(replace(CURRENT, events=(at(RETIRES, 50),)), (0, 480), id="nor does the end of its old key"),
        pytest.param(replace(OLD, events=(at(RETIRES, 25),)), (0, 120), id="an old key ends with its overlap"),
        pytest.param(replace(REMOVED, events=(at(RETIRES, 0),)), (0, 1), id="one that ends now can still be seen"),
        pytest.param(replace(MISSING, events=(at(CREATES, 25),)), (120, 480), id="one that does not exist yet"),
        pytest.param(replace(MISSING, events=()), None, id="one that is never made"),
        pytest.param(
            replace(MISSING, events=(replace(CREATES, guard=Guard.POLICY),)), None, id="one that a guard holds back"
        ),
    ],
)
def test_the_bar_is_the_time_in_which_consumers_have_a_working_key(
    life: KeyLife, expected: tuple[float, float] | None
) -> None:
    assert bar(life) == expected


def test_what_is_drawn_is_also_said() -> None:
    life = replace(CURRENT, events=(ROTATES, RETIRES, EXPIRES))
    words = describe_events(life.events)
    assert words == "rotates 2026-11-24, old key retires 2026-11-24, expires 2026-12-02"
    assert f'aria-label="{words}"' in str(draw_life(life, SCALE))
    assert describe_events(()) == "nothing happens in this time"


def test_each_happening_has_a_shape_of_its_own() -> None:
    drawn = {}
    for happening in Happening:
        text = str(draw_life(replace(CURRENT, events=(replace(BLOCKED, happening=happening),)), SCALE))
        drawn[happening] = text.partition('<path class="')[2].partition(" d=")[2].partition('"></path>')[0]
    shapes = [shape for shape in drawn.values() if shape]
    assert len(set(shapes)) == len(shapes) == len(Happening) - 1
    assert not drawn[Happening.EMPTIES]


def test_an_overlap_is_drawn_from_the_rotation_to_its_end() -> None:
    text = str(draw_life(replace(CURRENT, events=(replace(at(ROTATES, 50), overlap=25 * DAY),)), SCALE))
    assert 'class="overlap" x1="240.0" x2="360.0"' in text


def test_the_axis_names_both_ends() -> None:
    text = str(draw_axis(SCALE))
    assert "2026-11-23" in text
    assert "2027-03-03" in text


def test_an_address_with_a_key_is_drawn_from_now_on_and_one_without_from_its_create() -> None:
    assert 'class="life" x="0.0"' in str(draw_events((at(ROTATES, 50),), NOW, SCALE))
    assert 'class="life" x="240.0"' in str(draw_events((at(CREATES, 50),), NOW, SCALE))
    assert 'class="life"' not in str(draw_events((replace(CREATES, guard=Guard.POLICY),), NOW, SCALE))
