"""A notice to send."""

from __future__ import annotations

import pytest

from keyplan.model.notice import Mood, Notice


@pytest.fixture
def notice() -> Notice:
    """Return a short notice."""
    return Notice(mood=Mood.DRIFT, title="a title", text="a line", document={"as": "json"}, slack={"as": "slack"})
