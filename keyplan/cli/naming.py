"""keyplan's own name and version, as the installed package has them."""

from __future__ import annotations

from importlib.metadata import version

PROGRAM = "keyplan"


def say_version() -> str:
    """Return ``keyplan 1.2.3``."""
    return f"{PROGRAM} {version(PROGRAM)}"
