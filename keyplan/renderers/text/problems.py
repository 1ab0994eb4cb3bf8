"""Errors, and manifests without any, as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from keyplan.errors import KeyplanError, ManifestError
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import PLAIN, Palette, Tone

if TYPE_CHECKING:
    # Every start of keyplan imports this module for `render_error`; only `keyplan validate` has a validation.
    from keyplan.model.policy import Validation

_LONG = 2000


def render_error(error: KeyplanError, palette: Palette = PLAIN) -> str:
    """Return ``error: message`` and, if there is advice, ``  hint: advice``, a line each.

    Several problems in one message come one a line. Those of a manifest begin with their place instead of
    ``error:``, as compilers write them.
    """
    if isinstance(error, ManifestError):
        return "".join(f"{sanitize(str(problem), width=_LONG)}\n" for problem in error.problems)
    mark = palette.paint(Tone.ALARM, "error:")
    # Split before sanitizing: `sanitize` would show the line breaks between problems as escapes.
    lines = [f"{mark} {sanitize(line, width=_LONG)}\n" for line in error.message.split("\n")]
    return "".join(lines) + (f"  hint: {sanitize(error.advice, width=_LONG)}\n" if error.advice else "")


def render_validations(validations: Sequence[Validation]) -> str:
    """Return ``keys.yaml is valid: 2 keys.`` for each manifest without problems; problems go to stderr as errors."""
    return "".join(
        f"{sanitize(validation.manifest)} is valid: {validation.keys} {'key' if validation.keys == 1 else 'keys'}.\n"
        for validation in validations
        if not validation.problems
    )
