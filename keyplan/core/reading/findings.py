"""What is wrong with one value: the noun between a JSON Schema's check and a manifest's problems."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mistake, in words."""

    path: tuple[str | int, ...]
    """From the checked value to the wrong one: names of fields, and indexes from 0."""
    key: str | None = None
    """The field of the value at `path` whose name is wrong or which is missing; None where the value itself is."""
    message: str
