"""What `keyplan provider check` tried, as lines for people. Texts of the server are untrusted and are made harmless."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keyplan.model.provider_trial import ProviderTrial, TrialOutcome, TrialRow
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import Palette, Tone

_WORDS: Final[Mapping[TrialOutcome, str]] = {
    TrialOutcome.PASSED: "pass",
    TrialOutcome.FAILED: "fail",
    TrialOutcome.NOT_APPLICABLE: "-",
}
_TONES: Final[Mapping[TrialOutcome, Tone]] = {
    TrialOutcome.PASSED: Tone.ADD,
    TrialOutcome.FAILED: Tone.ALARM,
    TrialOutcome.NOT_APPLICABLE: Tone.FAINT,
}
_WIDEST: Final = 1000


def render_provider_trial(trial: ProviderTrial, palette: Palette) -> str:
    """Return a line for each trial, and the numbers of each outcome below them.

    A trial that the laws rule out has a hyphen, and every line that is not a pass says why.
    """
    title = f"Trials of {sanitize(trial.dialect)} at {sanitize(trial.base_url, width=_WIDEST)}"
    width = max((len(row.subject) for row in trial.rows), default=0)
    counts = ", ".join(f"{trial.count(outcome)} {outcome.value}" for outcome in TrialOutcome)
    lines = [_render_row(row, width, palette) for row in trial.rows]
    return "\n".join([title, "", *lines, "", f"{counts}.", ""])


def _render_row(row: TrialRow, width: int, palette: Palette) -> str:
    word = palette.paint(_TONES[row.outcome], f"{_WORDS[row.outcome]:<4}")
    detail = sanitize(row.detail, width=_WIDEST)
    return f"  {word}  {row.subject:<{width}}  {detail}".rstrip()
