"""Validations as a person reads them on stdout; problems are errors, and told as such on stderr.

In: validations. Out: a line for each manifest that is sound. Never: a name that is not inert.
"""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.model.policy import Validation
from keyplan.renderers.sanitize import inert
from keyplan.renderers.words import say_count


def render_validations(validations: Sequence[Validation]) -> str:
    """Return ``keys.yaml is valid: 2 keys.`` for each manifest without problems."""
    return "".join(
        f"{inert(validation.manifest)} is valid: {say_count(validation.keys, 'key')}.\n"
        for validation in validations
        if not validation.problems
    )
