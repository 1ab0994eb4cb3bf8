"""An error as a sheet, so that a pipeline shows it where it shows everything else.

In: an error. Out: a sheet with a row for each problem. Never: a class that is not the error's own.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.errors import KeyplanError, ManifestError
from keyplan.views.problem_sheet import sheet_of_problems
from keyplan.views.sheet import Level, Row, Sheet, Subject

_DANGER = 100


def sheet_of_error(error: KeyplanError, *, about: Subject, manifest: str) -> Sheet:
    """Return the sheet of a manifest for which nothing came out but an error."""
    summary = f"{about.value} failed."
    if isinstance(error, ManifestError):
        return replace(sheet_of_problems(manifest, error.problems), about=about, summary=summary)
    row = Row(
        subject=manifest,
        mark="!",
        word="error",
        reason=error.message,
        rule=f"error/{type(error).__name__.removesuffix('Error')}",
        level=Level.ERROR,
        danger=_DANGER,
        advice=error.advice,
    )
    return Sheet(about=about, manifest=manifest, owner="", rows=(row,), summary=summary)
