"""Files that a user names: found, read within bounds, and told apart.

In: a name on the command line. Out: bytes, a manifest, a saved plan. Never: a traceback for a folder, a missing
file, one that may not be read, one without end.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from keyplan.adapters import registry, schemas
from keyplan.cli.session import Session
from keyplan.cli.wiring import PROVIDERS, SINKS
from keyplan.core.reading import PluginSchemas, read
from keyplan.errors import InputError, PlanFileError
from keyplan.model.manifest import Manifest
from keyplan.model.plan import Plan
from keyplan.model.plan_document import digest, from_document

STDIN = "-"
MAX_INPUT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A file, or standard input, as it was read."""

    name: str
    """As the user named it."""
    folder: Path
    """Where relative paths in it start from; absolute."""
    content: bytes

    @property
    def is_plan(self) -> bool:
        """Whether it is meant as a saved plan: a JSON object that speaks of a format version."""
        return self.content.lstrip()[:1] == b"{" and b'"format_version"' in self.content


def read_input(name: str, session: Session) -> Input:
    """Return a file's content. Raises InputError where it cannot be read, or is too large."""
    if name == STDIN:
        return Input(name=name, folder=session.folder, content=_bound(session.read_stdin(MAX_INPUT_BYTES + 1), name))
    path = session.folder / name
    try:
        with path.open("rb") as file:
            content = file.read(MAX_INPUT_BYTES + 1)
    except IsADirectoryError:
        raise InputError(f"{name} is a folder, not a file") from None
    except FileNotFoundError:
        raise InputError(f"{name} does not exist", advice="write a manifest with: keyplan init") from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "its name is impossible"
        raise InputError(f"{name} cannot be read: {reason}") from None
    return Input(name=name, folder=path.absolute().parent, content=_bound(content, name))


def read_manifest(source: Input) -> Manifest:
    """Return the manifest in it. Raises ManifestError with every problem."""
    return read(
        source.content,
        file=source.name,
        schema=schemas.load("manifest.v1"),
        plugins=PluginSchemas(
            provider=partial(registry.options_schema, PROVIDERS),
            sink=partial(registry.options_schema, SINKS),
        ),
    )


def read_plan(source: Input) -> Plan:
    """Return the saved plan in it.

    Raises PlanFileError where it is none, or says something else than the digest it carries.
    """
    try:
        document = json.loads(source.content)
    except (ValueError, RecursionError):
        raise PlanFileError(f"{source.name} is not a plan file: it is not valid JSON") from None
    try:
        plan = from_document(document)
    except PlanFileError as error:
        raise PlanFileError(f"{source.name}: {error.message}", advice=error.advice) from None
    if document["format_version"] == "1.0" and document.get("digest") != digest(plan):
        raise PlanFileError(
            f"{source.name} was changed after it was made: its content has another digest",
            advice="make a new plan with: keyplan plan --out FILE",
        )
    return plan


def _bound(content: bytes, name: str) -> bytes:
    if len(content) > MAX_INPUT_BYTES:
        raise InputError(f"{name} is larger than {MAX_INPUT_BYTES // 1024 // 1024} MiB")
    return content
