"""One field of a JSON object that other people fill, too.

In: a value that a store holds, perhaps made by a person. Out: the same object with one field set or taken out. Never:
another field lost, a value overwritten that is no object.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from keyplan.errors import SinkDeniedError
from keyplan.model.receipt import Receipt


@dataclass(frozen=True, slots=True)
class JsonField:
    """Implements FileFormat: the value is an object, of which one field is the raw key."""

    field: str

    def read(self, content: bytes) -> str | None:
        """Return the field; None where there is none. What is no text comes as JSON."""
        found = _parse(content).get(self.field)
        return (found or None) if isinstance(found, str) else json.dumps(found) if found is not None else None

    def set(self, content: bytes, value: str, receipt: Receipt) -> bytes:  # noqa: ARG002 - the object is people's own
        """Return the object with this field. Raises SinkDeniedError where there is something else than an object."""
        return json.dumps({**_parse(content), self.field: value}, ensure_ascii=False).encode()

    def unset(self, content: bytes) -> bytes:
        """Return the object without the field; nothing where no other field is left. Raises like `set`."""
        others = {name: value for name, value in _parse(content).items() if name != self.field}
        return json.dumps(others, ensure_ascii=False).encode() if others else b""


def _parse(content: bytes) -> dict[str, object]:
    try:
        found = json.loads(content) if content.strip() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SinkDeniedError(
            "what is there is no JSON object, so it has no fields", advice="take 'field' out, or name another secret"
        )
    return found
