"""Problems of a manifest as a sheet, so that a pipeline shows them where it shows everything else.

In: problems, violations of policies among them. Out: a sheet with a row for each. Never: a judgement of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.errors import Problem
from keyplan.model.manifest import Place
from keyplan.model.validation import Validation
from keyplan.views.sheet import Level, Row, Sheet, Subject
from keyplan.views.wording import say_count

_SECRET, _ORDINARY = 90, 80
_VIOLATION = "policy/"


def sheet_of_problems(path: str, problems: Sequence[Problem]) -> Sheet:
    """Return the sheet of a manifest with problems: secrets first, everything else as it came."""
    rows = sorted(map(_row_of, problems), key=lambda row: -row.danger)
    return Sheet(
        about=Subject.VALIDATE,
        manifest=path,
        owner="",
        rows=tuple(rows),
        summary=f"{say_count(len(problems), 'problem')}." if problems else "Valid.",
        is_different=bool(problems),
    )


def sheet_of_validation(validation: Validation) -> Sheet:
    """Return the sheet of `keyplan validate`."""
    return sheet_of_problems(validation.manifest, validation.problems)


def _row_of(problem: Problem) -> Row:
    return Row(
        subject=problem.subject or problem.file,
        mark="!",
        word="violation" if problem.rule.startswith(_VIOLATION) else "problem",
        reason=problem.message,
        rule=problem.rule,
        level=Level.ERROR,
        danger=_SECRET if problem.rule.endswith("/secret") else _ORDINARY,
        advice=problem.advice,
        place=Place(problem.file, problem.line, problem.column),
    )
