"""What kept a command from its answer as JSON values, in the format that `schemas/failure.v1.json` publishes.

A program that asked for JSON finds this document where it would have found the answer. A value out of a manifest is
never shown: it could be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from keyplan.documents.report import Failure
from keyplan.documents.validation import write_problem
from keyplan.errors import KeyplanError, ManifestError
from keyplan.model.manifest import Json

FORMAT_VERSION = "1.0"
"""A minor version adds fields, a major one changes meaning."""
USAGE = "usage"
"""The kind of a mistake on the command line, which is not one of keyplan's error classes."""


def to_document(failures: Sequence[Failure], *, exit_status: int) -> dict[str, Json]:
    """Return the failures of a run that has no other answer: the first in full, then each with its manifest."""
    _, first = failures[0]
    return {
        "format_version": FORMAT_VERSION,
        "exit_status": exit_status,
        **_write_error(first),
        "errors": [
            {"manifest": manifest or None, "exit_status": error.exit_status, **_write_error(error)}
            for manifest, error in failures
        ],
    }


def to_usage_document(message: str, *, advice: str, exit_status: int) -> dict[str, Json]:
    """Return a command line that is wrong: nothing was begun."""
    return {
        "format_version": FORMAT_VERSION,
        "exit_status": exit_status,
        "kind": USAGE,
        "message": message,
        "advice": advice,
        "problems": [],
        "errors": [],
    }


def name_kind(error: KeyplanError) -> str:
    """Return a stable word for the class of an error: ``manifest``, ``provider_denied``, ``bug``."""
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _write_error(error: KeyplanError) -> dict[str, Json]:
    problems = error.problems if isinstance(error, ManifestError) else ()
    return {
        "kind": name_kind(error),
        "message": error.message,
        "advice": error.advice,
        "problems": [write_problem(problem) for problem in problems],
    }
