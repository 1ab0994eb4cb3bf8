"""What `keyplan validate` says of one manifest.

In: what reading and policing found. Out: what views show. Never: anything that needs more than the files.
"""

from __future__ import annotations

from dataclasses import dataclass

from keyplan.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """One manifest, and every problem with it."""

    manifest: str
    """Path as the user named it."""
    keys: int
    """How many keys it declares; 0 where that cannot be told."""
    problems: tuple[Problem, ...]
    """In file order; violations of policies among them."""
