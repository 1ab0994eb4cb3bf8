"""An error as a person reads it: one line with what is wrong, one with what to do next."""

from __future__ import annotations

from keyplan.errors import KeyplanError, ManifestError
from keyplan.renderers.palette import PLAIN, Palette, Tone
from keyplan.renderers.sanitize import inert

_LONG = 2000


def render_error(error: KeyplanError, palette: Palette = PLAIN) -> str:
    """Return ``error: message`` and, where there is advice, ``  hint: advice``, a line each.

    Several problems in one message come one a line. Those of a manifest begin with their place instead of
    ``error:``, as compilers write them.
    """
    if isinstance(error, ManifestError):
        return "".join(f"{inert(str(problem), width=_LONG)}\n" for problem in error.problems)
    mark = palette.paint(Tone.ALARM, "error:")
    lines = [f"{mark} {inert(line, width=_LONG)}\n" for line in error.message.split("\n")]
    return "".join(lines) + (f"  hint: {inert(error.advice, width=_LONG)}\n" if error.advice else "")
