"""Validations as JSON values, in the format that `schemas/validation.v1.json` publishes.

A value out of the manifest is never shown: it could be a secret.
"""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.errors import Problem
from keyplan.model.manifest import Json
from keyplan.model.policy import Validation

FORMAT_VERSION = "1.0"
"""A minor version adds fields, a major one changes meaning."""


def to_document(validations: Sequence[Validation]) -> dict[str, Json]:
    """Return the validations as JSON values, in their order."""
    return {
        "format_version": FORMAT_VERSION,
        "valid": not any(validation.problems for validation in validations),
        "manifests": [
            {
                "manifest": validation.manifest,
                "keys": validation.keys,
                "problems": [write_problem(problem) for problem in validation.problems],
                "warnings": list(validation.warnings),
            }
            for validation in validations
        ],
    }


def write_problem(problem: Problem) -> dict[str, Json]:
    """Return a problem with its place."""
    return {
        "rule": problem.rule,
        "place": {"file": problem.file, "line": problem.line, "column": problem.column},
        "address": problem.subject or None,
        "message": problem.message,
        "advice": problem.advice,
    }
