"""What GitHub Actions reads: annotations at the declarations, a step's summary, a step's outputs.

In: sheets. Out: workflow commands, Markdown, lines for ``$GITHUB_OUTPUT``. Never: a command, or an output, that
somebody wrote into the name of a key.

Source: GitHub's documentation, "Workflow commands for GitHub Actions", and how the runner reads them
(actions/runner, src/Runner.Common/ActionCommand.cs and src/Runner.Worker/FileCommandManager.cs).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from keyplan.renderers.ci.markdown import render_markdown
from keyplan.renderers.ci.sheet import Level, Row, Sheet
from keyplan.renderers.ci.summary import list_lines, say_location, say_path
from keyplan.renderers.sanitize import inert
from keyplan.renderers.words import say_count

SUMMARY_BYTES = 1_000_000
"""GitHub drops a step's summary whole when it is longer than 1 MiB."""
ANNOTATIONS_SHOWN = 10
"""GitHub shows so many annotations of a kind per step, and silently drops the rest."""

# The runner cuts a message after 4,096 characters (ExecutionContext.cs); the reason and what to do come first.
_LINES_SHOWN, _LINE_WIDTH = 9, 350
_NAMED_IN_LAST = 10


def render_annotations(sheets: Sequence[Sheet]) -> str:
    """Return a line per annotation, worst first; the tenth of a kind says how many more there are, and where."""
    rows = sorted((row for sheet in sheets for row in sheet.rows), key=lambda row: -row.danger)
    return "".join(
        f"{line}\n" for level in Level for line in _annotate([row for row in rows if row.level is level], level)
    )


def render_step_summary(sheets: Sequence[Sheet], *, digest: str = "") -> str:
    """Return Markdown for ``$GITHUB_STEP_SUMMARY``, below GitHub's limit."""
    return render_markdown(sheets, budget_bytes=SUMMARY_BYTES, digest=digest)


def render_outputs(sheets: Sequence[Sheet], *, exit_status: int, digest: str, plan_path: str, delimiter: str) -> str:
    """Return lines for ``$GITHUB_OUTPUT``, sums over all sheets.

    Raises ValueError where the delimiter is empty, has several lines, or occurs in a value.
    """
    outputs = {
        "exitcode": str(exit_status),
        "has_changes": str(any(sheet.is_different for sheet in sheets)).lower(),
        "add": str(sum(sheet.add for sheet in sheets)),
        "change": str(sum(sheet.change for sheet in sheets)),
        "destroy": str(sum(sheet.destroy for sheet in sheets)),
    }
    lines = [f"{name}={value}\n" for name, value in outputs.items()]
    # These two come from outside: only a delimiter that nobody can guess keeps a line of theirs from being an output.
    return "".join(lines) + _quote("digest", digest, delimiter) + _quote("plan_path", plan_path, delimiter)


def _quote(name: str, value: str, delimiter: str) -> str:
    if delimiter.splitlines() != [delimiter] or delimiter in value:
        raise ValueError("the delimiter must be one line that occurs in no value")
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _annotate(rows: Sequence[Row], level: Level) -> Iterator[str]:
    shown = len(rows) if len(rows) <= ANNOTATIONS_SHOWN else ANNOTATIONS_SHOWN - 1
    for row in rows[:shown]:
        yield _write_command(level, _locate(row) | {"title": _say_title(row)}, _say_message(row))
    rest = rows[shown:]
    if rest:
        named = [f"{inert(row.subject, width=80)} {say_location(row)}".rstrip() for row in rest[:_NAMED_IN_LAST]]
        more = [f"and {len(rest) - len(named)} more"] if len(rest) > len(named) else []
        yield _write_command(level, {"title": say_count(len(rest), f"more {level.value}")}, "\n".join(named + more))


def _locate(row: Row) -> dict[str, str]:
    if row.place is None:
        return {}
    return {"file": say_path(row.place.file), "line": str(row.place.line), "col": str(row.place.column)}


def _say_title(row: Row) -> str:
    return f"{inert(row.word, width=60)} {inert(row.subject, width=120)}"


def _say_message(row: Row) -> str:
    lines = [f"{label}: {inert(text, width=_LINE_WIDTH)}" for label, text in list_lines(row)[:_LINES_SHOWN]]
    return "\n".join([inert(row.reason, width=_LINE_WIDTH), *lines])


def _write_command(level: Level, properties: Mapping[str, str], message: str) -> str:
    written = ",".join(f"{name}={_escape_property(value)}" for name, value in properties.items())
    return f"::{level.value} {written}::{_escape_data(message)}"


def _escape_data(text: str) -> str:
    # In this order: a percent sign of the text must not become part of an escape.
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
