"""A notice: the message about one run that goes to a webhook, in the shapes that chats and programs take.

All text in it is already harmless, and no secret is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from keyplan.model.manifest import Json


class Mood(Enum):
    """How urgent it is."""

    FAILED = "failed"
    """A manifest could not be looked at."""
    DRIFT = "drift"
    """There are findings that no waiver accepts."""
    CALM = "calm"
    """All is well; only a heartbeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message about one run."""

    mood: Mood
    title: str
    """One line."""
    text: str
    """Further lines; may be empty."""
    document: Mapping[str, Json]
    """Everything, for programs."""
    slack: Mapping[str, Json]
    """The same title and text as Slack's incoming webhooks take them."""
