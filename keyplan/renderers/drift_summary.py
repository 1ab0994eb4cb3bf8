"""The lines about whole drifts: their counts in one line, and remarks that concern all of a drift.

They stand apart from those about plans, so that a plan does not import what only a drift needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keyplan.model.drift import Drift, DriftKind
from keyplan.model.observation import ScopeSurvey
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.words import DRIFT_KINDS, format_count, join_words

_NO_DRIFT = "No drift. Nothing needs to be done."
_NOTHING_OF_THAT = "Nothing of that kind needs to be done."


def summarize_drifts(drifts: Sequence[Drift]) -> str:
    """Return ``Drift: 1 drifted, 2 pending.`` of all together, or that there is nothing to do."""
    kinds = [finding.kind for drift in drifts for finding in drift.alarms]
    counted = [f"{kinds.count(kind)} {word}" for kind, word in DRIFT_KINDS.items() if kind in kinds]
    if counted:
        return f"Drift: {', '.join(counted)}."
    # "No drift" would be a promise about kinds that `--only` left out.
    return _NO_DRIFT if all(drift.kinds == tuple(DriftKind) for drift in drifts) else _NOTHING_OF_THAT


def list_drift_remarks(drift: Drift) -> Iterator[str]:
    """Yield what the summary line has no room for, a line each."""
    if drift.kinds != tuple(DriftKind):
        yield f"Only {join_words([kind.value for kind in drift.kinds])} was checked."
    shown = len(drift.open) - len(drift.alarms)
    counted = ((shown, "for information"), (len(drift.accepted), "accepted"), (len(drift.in_order), "in order"))
    counts = [f"{number} {word}" for number, word in counted if number]
    if counts:
        yield f"{', '.join(counts)}."
    if drift.survey and DriftKind.UNMANAGED in drift.kinds:
        yield _describe_survey(drift.survey)
    if any(finding.guard for finding in drift.alarms):
        yield "An apply does not fix blocked findings; each one says what to do."


def _describe_survey(survey: ScopeSurvey) -> str:
    """Return in which spaces unmanaged keys were looked for."""
    if survey.is_complete:
        count = format_count(len(survey.looked_in), "space")
        return f"Unmanaged keys were looked for in every space that the credential can see: {count}."
    names = join_words([sanitize(space.name) for space in survey.looked_in])
    where = f"in {names} and " if names else ""
    return f"Unmanaged keys were looked for {where}among the credential's own keys only."
