"""keyplan's own name and version, as the installed package has them."""

from __future__ import annotations

from keyplan import __version__

PROGRAM = "keyplan"


def say_version() -> str:
    """Return ``keyplan 1.2.3``."""
    # Not from importlib.metadata, whose import takes 20 ms; the package is built with this very number.
    return f"{PROGRAM} {__version__}"
