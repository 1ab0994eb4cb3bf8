"""Find every secret that was written into a manifest, comments included, without ever showing it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from keyplan.manifest.problems import Problems, Spot
from keyplan.manifest.tables import ItemList, Table
from keyplan.manifest.yaml_errors import spot_of_offset
from keyplan.model.secret_shapes import find_secrets, looks_secret

_MESSAGE = "this looks like a secret, and a manifest never holds one; take it out, and revoke it"


def report_secrets(text: str, root: Any, problems: Problems) -> None:
    """Add every secret in the text to the problems: at the value that holds it, or at its own place in a comment."""
    in_text = tuple(find_secrets(text))
    if not in_text and "\\" not in text:  # only an escape can hide a secret from a search of the text
        return
    # A secret in a value is reported at the value; in a comment there is only its place in the text.
    in_values: set[str] = set()
    for value, spot in _walk(root, set()):
        if looks_secret(value):
            problems.add_secret(spot, _MESSAGE)
            in_values.update(found[0] for found in find_secrets(value))
    for found in in_text:
        if found[0] not in in_values:
            problems.add_secret(spot_of_offset(text, found.start()), _MESSAGE)


def _walk(value: Any, seen: set[int]) -> Iterator[tuple[str, Spot]]:
    """Yield every text in a value, names of fields included, with its spot; what aliases share comes once."""
    if not isinstance(value, Table | ItemList) or id(value) in seen:
        return
    seen.add(id(value))
    items = list(value.values()) if isinstance(value, Table) else value
    if isinstance(value, Table):
        yield from zip(value, value.key_spots, strict=True)
    for item, spot in zip(items, value.value_spots, strict=True):
        if isinstance(item, str):
            yield item, spot
        else:
            yield from _walk(item, seen)
