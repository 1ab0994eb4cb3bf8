"""One field of a key that is not as its declaration wants it, as plans show it.

What differs is found by `planner.diff`. Nothing here compares, and no raw key can be among the values: these are text
for people, made before a raw key exists.
"""

from __future__ import annotations

from dataclasses import dataclass

NOTHING = "(none)"
"""The side of a change that has no value."""

_ACCESS_TITLES = {"space": ("space_role", "spaces"), "organization": ("org_role", "organizations")}
"""For a field such as ``space U3Bh``: what its role is called in a manifest, and what it is itself."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class FieldChange:
    """One field that differs; values as text for people, never a secret.

    A field that has no value on one side says `NOTHING` there. Plans list the changes of a key sorted, by field
    first, so that the same differences are always shown, and digested, in the same order.
    """

    field: str
    """As `planner.diff` calls it; a role or a space of a service key with the id that it is about."""
    before: str
    """As the provider shows it, or as the receipt remembers it if the provider does not."""
    after: str
    """As the declaration wants it."""

    @property
    def title(self) -> str:
        """What users call the field: a role that changed is a role, a space that the key gains or loses is a space."""
        kind, _, _ = self.field.partition(" ")
        if kind not in _ACCESS_TITLES:
            return self.field
        role, members = _ACCESS_TITLES[kind]
        return members if NOTHING in (self.before, self.after) else role
