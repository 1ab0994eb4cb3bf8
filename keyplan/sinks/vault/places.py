"""Which secret a slot of the `vault` sink is, and which field in it. Nothing is sent here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from keyplan.errors import InputError
from keyplan.model.identity import SinkName
from keyplan.model.manifest import Declaration, Json
from keyplan.model.observation import Slot
from keyplan.sinks import templates
from keyplan.sinks.formats import FileFormat, JsonDocument, Raw

DEFAULT_MOUNT = "secret"
DEFAULT_FIELD = "api_key"
_FIELD = re.compile(r"[!-~]{1,100}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultPlace:
    """A slot, read: mount, path, field and format."""

    location: str
    mount: str
    path: str
    field: str
    format: FileFormat
    may_overwrite: bool
    """Whether a value that keyplan did not write may be overwritten."""

    @property
    def secret(self) -> str:
        """Where the secret is, which may hold other fields too: ``secret/arize/ci``."""
        return f"{self.mount}/{self.path}"

    @classmethod
    def of(cls, slot: Slot) -> VaultPlace:
        """Return the target that a slot of `fill_slot` means."""
        options = slot.options
        return cls(
            location=slot.location,
            mount=str(options["mount"]),
            path=str(options["path"]),
            field=str(options["field"]),
            format=JsonDocument() if options.get("format") == "json" else Raw(newline=bool(options.get("newline"))),
            may_overwrite=bool(options.get("overwrite")),
        )


def fill_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
    """Return the slot of a declaration: ``secret/arize/ci#api_key``.

    Raises InputError where a template names an unknown field, or gives no path or name of a field.
    """
    fields = templates.describe(owner, declaration)
    mount = str(options.get("mount") or DEFAULT_MOUNT).strip("/")
    path = _fill_path(str(options["path"]), fields)
    field = templates.fill(str(options.get("field") or DEFAULT_FIELD), fields, _to_part)
    if not _FIELD.fullmatch(field):
        raise InputError(f"field {field!r} must be 1 to 100 printable ASCII characters, without spaces")
    location = f"{mount}/{path}#{field}"
    return Slot(sink=sink, location=location, options={**options, "mount": mount, "path": path, "field": field})


def _fill_path(template: str, fields: Mapping[str, str]) -> str:
    path = templates.fill(template, fields, _to_part)
    parts = path.split("/")
    if not path.isprintable() or "#" in path or "" in parts or {".", ".."} & set(parts):
        raise InputError(
            f"path {template!r} does not name a secret",
            advice="write it like arize/{name}: no slash at either end, no '..', no '#'",
        )
    return path


def _to_part(value: str) -> str:
    # A percent sign would have to be encoded again in every URL that a consumer writes by hand.
    return templates.to_path_part(value).replace("%", "=")
