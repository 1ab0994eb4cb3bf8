"""Adds a step's summary and outputs to the files that a GitHub Actions runner names in the environment.

Nothing is written outside a runner. Source: GitHub's documentation, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from keyplan.app.files import open_to_append
from keyplan.cli.session import Session
from keyplan.errors import InputError
from keyplan.model.mask import hide
from keyplan.renderers.ci.forges import render_outputs, render_step_summary
from keyplan.renderers.sheet import Sheet

_SUMMARY, _OUTPUT = "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"


def tell_runner(session: Session, sheets: Sequence[Sheet], exit_status: int, *, digest: str, plan_path: str) -> None:
    """Add to the step's summary and outputs, where a runner asks for them. Raises InputError if that fails."""
    _append(session, _SUMMARY, render_step_summary(sheets, digest=digest))
    _append(
        session,
        _OUTPUT,
        render_outputs(
            sheets,
            exit_status=exit_status,
            digest=digest,
            plan_path=plan_path,
            # It cannot be guessed, so no name of a key can end the value early.
            delimiter=f"keyplan-{secrets.token_hex(16)}",
        ),
    )


def _append(session: Session, variable: str, text: str) -> None:
    path = session.environment.get(variable)
    if not path:
        return
    try:
        # The name of a plan file may hold bytes that are not UTF-8; they come out as they came in.
        with os.fdopen(open_to_append(Path(path)), "a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(hide(text))
    except InputError as error:
        raise InputError(f"the file of ${variable} cannot be written: {error.message}", advice=error.advice) from error
    except OSError as error:
        raise InputError(f"the file of ${variable} cannot be written: {error.strerror}") from error
