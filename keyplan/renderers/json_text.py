"""JSON as text that is harmless for a terminal and a log, for every JSON format that keyplan prints.

It is not in `sanitize.py`, because every start of keyplan imports that, and importing `json` takes 2 ms.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from keyplan.model.manifest import Json


def render_json(document: Mapping[str, Json] | Sequence[Json]) -> str:
    """Return indented JSON in ASCII, in which a terminal finds no control character and a log no command."""
    # Runners take `##[name]` for a command. Two number signs meet only in a string, where the escape means the same.
    return json.dumps(document, indent=2).replace("##", r"#\u0023") + "\n"
