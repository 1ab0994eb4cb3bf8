"""`keyplan schema`: the formats that keyplan reads and writes, for editors and validators."""

from __future__ import annotations

import click

from keyplan.app.schema import merge_plugin_options
from keyplan.cli.options import argument
from keyplan.cli.session import Session
from keyplan.documents import schemas
from keyplan.renderers.json_text import render_json

_FORMATS = (
    "manifest",
    "policy",
    "plan",
    "plans",
    "report",
    "reports",
    "drift",
    "drifts",
    "validation",
    "event",
    "calendar",
    "doctor",
    "ledger",
    "history",
    "lock",
    "failure",
)


@click.command("schema")
@argument("name", type=click.Choice(_FORMATS), metavar="|".join(_FORMATS))
@click.pass_obj
def command(session: Session, *, name: str) -> int:
    """Print the JSON Schema of a format.

    The manifest's has the options of all installed sinks and providers in it.

    \b
    Example:
      keyplan schema manifest > manifest.schema.json
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    schema = schemas.load(f"{name}.v1")
    session.screen.answer(render_json(merge_plugin_options(schema) if name == "manifest" else dict(schema)))
    return 0
