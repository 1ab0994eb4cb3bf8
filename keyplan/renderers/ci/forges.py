"""What code forges read: GitHub's annotations, step summary and step outputs, and GitLab's counts for a merge request.

The name of a key must never become a command or an output of its own.

Sources: GitHub's documentation, "Workflow commands for GitHub Actions", and how the runner reads them (actions/runner,
src/Runner.Common/ActionCommand.cs and src/Runner.Worker/FileCommandManager.cs); GitLab's parser of
``artifacts:reports:terraform``, lib/gitlab/ci/parsers/terraform/tfplan.rb.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from keyplan.renderers.ci.markdown import render_markdown
from keyplan.renderers.json_text import render_json
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import Level, Row, Sheet, format_location, format_path, list_details
from keyplan.renderers.words import format_count

SUMMARY_BYTES = 1_000_000
"""GitHub drops a step's summary whole when it is longer than 1 MiB."""
ANNOTATIONS_SHOWN = 10
"""GitHub shows only this many annotations of a kind per step, and silently drops the rest."""

# The runner cuts a message after 4,096 characters (ExecutionContext.cs); the reason and what to do come first.
_LINES_SHOWN, _LINE_WIDTH = 9, 350
_NAMED_IN_LAST = 10

# GitLab takes numbers of at most six digits.
_HIGHEST_COUNT = 999_999


def render_annotations(sheets: Sequence[Sheet]) -> str:
    """Return a line per annotation, worst first; the tenth of a kind says how many more there are, and where.

    A notice is only given if there is something to do about it: the rest is in the summary of the step.
    """
    rows = sorted((row for sheet in sheets for row in sheet.rows if _needs_reviewer(row)), key=lambda row: -row.danger)
    return "".join(
        f"{line}\n" for level in Level for line in _annotate([row for row in rows if row.level is level], level)
    )


def render_step_summary(sheets: Sequence[Sheet], *, digest: str = "") -> str:
    """Return Markdown for ``$GITHUB_STEP_SUMMARY``, below GitHub's limit."""
    return render_markdown(sheets, budget_bytes=SUMMARY_BYTES, digest=digest)


def render_outputs(sheets: Sequence[Sheet], *, exit_status: int, digest: str, plan_path: str, delimiter: str) -> str:
    """Return lines for ``$GITHUB_OUTPUT``, sums over all sheets.

    Raises ValueError if the delimiter is empty, has several lines, or occurs in a value.
    """
    outputs = {
        "exitcode": str(exit_status),
        "has_changes": str(any(sheet.is_different for sheet in sheets)).lower(),
        "add": str(sum(sheet.add for sheet in sheets)),
        "change": str(sum(sheet.change for sheet in sheets)),
        "destroy": str(sum(sheet.destroy for sheet in sheets)),
    }
    lines = [f"{name}={value}\n" for name, value in outputs.items()]
    # These two come from outside: only a delimiter that cannot be guessed keeps a line of theirs from being an output.
    return "".join(lines) + _quote("digest", digest, delimiter) + _quote("plan_path", plan_path, delimiter)


def render_gitlab(sheets: Sequence[Sheet]) -> str:
    """Return the counts of all sheets as GitLab's Terraform report; a replace is one to create and one to delete."""
    # Only these three keys, and only numbers: GitLab adds the job's name and link itself.
    counts = {
        "create": sum(sheet.add for sheet in sheets),
        "update": sum(sheet.change for sheet in sheets),
        "delete": sum(sheet.destroy for sheet in sheets),
    }
    return render_json({name: min(count, _HIGHEST_COUNT) for name, count in counts.items()})


def _quote(name: str, value: str, delimiter: str) -> str:
    if delimiter.splitlines() != [delimiter] or delimiter in value:
        raise ValueError("the delimiter must be one line that occurs in no value")
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _needs_reviewer(row: Row) -> bool:
    return row.level is not Level.NOTICE or bool(row.advice)


def _annotate(rows: Sequence[Row], level: Level) -> Iterator[str]:
    shown = len(rows) if len(rows) <= ANNOTATIONS_SHOWN else ANNOTATIONS_SHOWN - 1
    for row in rows[:shown]:
        yield _format_command(level, _locate(row) | {"title": _format_title(row)}, _format_message(row))
    rest = rows[shown:]
    if rest:
        named = [f"{sanitize(row.subject, width=80)} {format_location(row)}".rstrip() for row in rest[:_NAMED_IN_LAST]]
        more = [f"and {len(rest) - len(named)} more"] if len(rest) > len(named) else []
        yield _format_command(level, {"title": format_count(len(rest), f"more {level.value}")}, "\n".join(named + more))


def _locate(row: Row) -> dict[str, str]:
    if row.place is None:
        return {}
    return {"file": format_path(row.place.file), "line": str(row.place.line), "col": str(row.place.column)}


def _format_title(row: Row) -> str:
    return f"{sanitize(row.word, width=60)} {sanitize(row.subject, width=120)}"


def _format_message(row: Row) -> str:
    lines = [f"{label}: {sanitize(text, width=_LINE_WIDTH)}" for label, text in list_details(row)[:_LINES_SHOWN]]
    return "\n".join([sanitize(row.reason, width=_LINE_WIDTH), *lines])


def _format_command(level: Level, properties: Mapping[str, str], message: str) -> str:
    listed = ",".join(f"{name}={_escape_property(value)}" for name, value in properties.items())
    return f"::{level.value} {listed}::{_escape_data(message)}"


def _escape_data(text: str) -> str:
    # In this order: a percent sign of the text must not become part of an escape.
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
