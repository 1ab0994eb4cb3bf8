"""Sheets as SARIF 2.1.0, for code scanning: what is found, by which rule, at which line of which manifest.

No link or placeholder of a text may take effect. A fingerprint never depends on the line of a declaration: an edit
above it would close an alert and open a new one.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0, sections in brackets.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from keyplan.model.manifest import Json
from keyplan.model.place import Place
from keyplan.renderers.json_text import render_json
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import Level, Row, Sheet, format_headline, list_details

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Mapping[Level, str] = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTICE: "note"}
# Not `primaryLocationLineHash`: GitHub's upload computes that itself from the text of the line, and warns about others.
_FINGERPRINT = "keyplanRow/v1"
# 3.11.6 embedded links and 3.11.5 placeholders; and mentions, as some viewers take a message for Markdown.
_INTERPRETED = re.compile(r"\](?=\()|\{(?=\d+\})|(?<!\w)@(?=\w)")


def render_sarif(sheets: Sequence[Sheet], *, version: str) -> str:
    """Return a log of one run with a result per row; `version` is that of keyplan."""
    rules = {_name_rule(row): row for sheet in reversed(sheets) for row in reversed(sheet.rows)}
    names = sorted(rules)
    run: dict[str, Json] = {
        "tool": {
            "driver": {
                "name": "keyplan",
                "version": version,
                "rules": [_describe_rule(name, rules[name]) for name in names],
            }
        },
        "automationDetails": {"id": _name_run(sheets)},
        # Places count characters as YAML does, not units of UTF-16. [3.14.27]
        "columnKind": "unicodeCodePoints",
        "results": list(_list_results(sheets, names)),
    }
    return render_json({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _name_run(sheets: Sequence[Sheet]) -> str:
    """Return the category of a run, so that a drift does not close the alerts of a plan."""
    return f"keyplan/{'+'.join(sorted({sheet.about.value for sheet in sheets}))}/"


def _describe_rule(name: str, row: Row) -> dict[str, Json]:
    kind, _, cause = name.partition("/")
    return {
        "id": name,
        "shortDescription": {"text": _escape(f"{kind}: {cause.replace('_', ' ')}")},
        "help": {"text": "Run the same command with --format text to see all that is known about it."},
        "defaultConfiguration": {"level": _LEVELS[row.level]},
    }


def _list_results(sheets: Sequence[Sheet], names: Sequence[str]) -> Iterator[dict[str, Json]]:
    seen: Counter[tuple[str, ...]] = Counter()
    for sheet in sheets:
        for row in sheet.rows:
            identity = (sheet.manifest, sheet.owner, row.rule, row.subject)
            seen[identity] += 1
            yield {
                "ruleId": _name_rule(row),
                "ruleIndex": names.index(_name_rule(row)),
                "level": _LEVELS[row.level],
                "message": {"text": _format_message(row)},
                "locations": [{"physicalLocation": _locate(row.place, sheet.manifest)}],
                "partialFingerprints": {_FINGERPRINT: _digest(*identity, str(seen[identity]))},
            }


def _name_rule(row: Row) -> str:
    return sanitize(row.rule, width=100)


def _format_message(row: Row) -> str:
    lines = [f"{format_headline(row)}: {sanitize(row.reason, width=1000)}"]
    lines += [f"{label}: {text}" for label, text in list_details(row)]
    return "\n".join(_escape(line) for line in lines)


def _escape(text: str) -> str:
    return _INTERPRETED.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _locate(place: Place | None, manifest: str) -> dict[str, Json]:
    """Return the place of a row; a row without a declaration belongs to the manifest as a whole."""
    if place is None:
        return {"artifactLocation": _name_file(manifest)}
    region = {"startLine": place.line, "startColumn": place.column}
    return {"artifactLocation": _name_file(place.file), "region": region}


def _name_file(path: str) -> dict[str, str]:
    # Half a surrogate pair, of a path that is not UTF-8, must not end the run.
    uri = quote(path.removeprefix("./"), safe="/", errors="surrogatepass")
    if uri.startswith("/"):
        # Two slashes would begin the name of a host. RFC 3986 4.2
        return {"uri": "/" + uri.lstrip("/")}
    return {"uri": uri, "uriBaseId": "%SRCROOT%"}


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
