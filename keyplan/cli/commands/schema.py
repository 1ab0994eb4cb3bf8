"""`keyplan schema`: the formats that keyplan reads and writes, for editors and validators."""

from __future__ import annotations

from pathlib import Path

import click

from keyplan.app.files import save_publicly
from keyplan.app.schema import merge_plugin_options
from keyplan.cli.options import argument, option
from keyplan.cli.session import Session
from keyplan.documents import schemas
from keyplan.errors import InputError
from keyplan.renderers.json_text import render_json
from keyplan.renderers.sanitize import sanitize

_FORMATS = (
    "manifest",
    "policy",
    "provider",
    "plan",
    "plans",
    "rehearsal",
    "report",
    "reports",
    "drift",
    "drifts",
    "validation",
    "event",
    "calendar",
    "doctor",
    "explanation",
    "ledger",
    "history",
    "history-check",
    "lock",
    "failure",
)
_WRITTEN_BY_HAND = frozenset({"manifest", "policy", "provider"})


@click.command("schema")
@argument("name", type=click.Choice(_FORMATS), metavar="[NAME]", required=False)
@option("--out", variable="SCHEMA_OUT", metavar="DIR", help="Write to NAME.v1.json in this folder, for offline use.")
@click.pass_obj
def command(session: Session, *, name: str | None, out: str | None) -> int:
    """Print the JSON Schema of a format.

    Without NAME, prints the names of all formats.

    The schema of manifests includes the options of all installed sinks and providers. With --out, it is written to
    a file that editors can use without network, and keyplan prints the line that refers to it, for the top of a
    manifest.

    \b
    Examples:
      keyplan schema manifest > manifest.schema.json
      keyplan schema manifest --out schemas
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    if name is None:
        session.screen.answer("".join(f"{known}\n" for known in _FORMATS))
        return 0
    schema = schemas.load(f"{name}.v1")
    text = render_json(merge_plugin_options(schema) if name == "manifest" else dict(schema))
    if out is None:
        session.screen.answer(text)
        return 0
    file = Path(out, f"{name}.v1.json")
    folder = session.folder / out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}") from error
    save_publicly(folder / file.name, text.encode())
    session.screen.answer(f"Wrote {sanitize(str(file), width=1000)}\n")
    if name in _WRITTEN_BY_HAND:
        target = file if file.is_absolute() else f"./{file.as_posix()}"
        session.screen.say(
            f"Its line for editors, at the top of a file in this folder:\n  {schemas.modeline(str(target))}"
        )
    return 0
