"""What went wrong with one of several manifests, as JSON values beside what came of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from keyplan.errors import KeyplanError

Failure: TypeAlias = tuple[str, KeyplanError]
"""The name of a manifest, and what went wrong with it."""


def write_failures(failures: Sequence[Failure]) -> list[dict[str, Any]]:
    """Return the failures as JSON values, in their order."""
    return [
        {
            "manifest": manifest,
            "message": error.message,
            "advice": error.advice,
            "exit_status": error.exit_status,
        }
        for manifest, error in failures
    ]
