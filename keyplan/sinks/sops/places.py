"""Which file, and which entry in it, a slot of the `sops` sink means.

The value of a template must never create a mapping of its own or reach sops's own metadata. Nothing here reads the
disk.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from keyplan.errors import InputError
from keyplan.model.identity import SinkName
from keyplan.model.manifest import Declaration, Json
from keyplan.model.observation import Slot
from keyplan.sinks import local_files, templates
from keyplan.sinks.places import PlaceIdentity, identify_file
from keyplan.system.files import name_lock

_KINDS = {".yaml": "yaml", ".yml": "yaml", ".json": "json"}
# What `sops set` takes for the end of a key or of a text, and what no user could read in a file.
_UNSAFE_IN_KEY = re.compile(r"""[\[\]"'\\%\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]""")
_RESERVED = "sops"
"""The field that sops keeps its own metadata in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SopsTarget:
    """A slot, read: file and entry."""

    location: str
    path: PurePosixPath
    """Relative to the manifest's folder, or absolute."""
    kind: str
    """``yaml`` or ``json``, as sops calls it."""
    keys: tuple[str, ...]
    """The entry, from the top of the file."""
    note: str
    """The entry in one word: the key of its note among others."""
    notes_field: str | None
    """Name of the top-level field of notes; None: what fits the file."""

    @property
    def lock(self) -> str:
        """Name of the folder that is locked while this file is changed."""
        return name_lock(self.path.name)

    @classmethod
    def of(cls, slot: Slot) -> SopsTarget:
        """Return the target that a slot of `fill_slot` means."""
        keys: object = slot.options["keys"]
        notes = slot.options.get("notes")
        path = PurePosixPath(str(slot.options["path"]))
        named = tuple(str(key) for key in keys) if isinstance(keys, list | tuple) else ()
        return cls(
            location=slot.location,
            path=path,
            kind=_KINDS[path.suffix],
            keys=named,
            note=_join(named),
            notes_field=str(notes) if notes else None,
        )


def fill_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
    """Return the slot of a declaration: ``secrets.enc.yaml#arize.ci``.

    Raises InputError if a template names an unknown field or makes no file or entry that sops can have.
    """
    path = local_files.fill_slot(sink, owner, declaration, {"path": options["path"]}).location
    if PurePosixPath(path).suffix not in _KINDS:
        raise InputError(f"path '{path}' ends in none of {', '.join(_KINDS)}", advice="name a YAML or JSON file")
    fields = templates.describe(owner, declaration)
    # Cut before it is filled: a dot in a name stays part of the name.
    keys = tuple(_fill_key(part, fields, str(options["entry"])) for part in str(options["entry"]).split("."))
    if keys[0] in (_RESERVED, options.get("notes")):
        raise InputError(f"entry '{options['entry']}' leads into '{keys[0]}'", advice="choose another first word")
    return Slot(
        sink=sink,
        location=f"{path}#{_join(keys)}",
        options={**options, "path": path, "entry": _join(keys), "keys": keys},
    )


def find_identity(slot: Slot, folder: str) -> PlaceIdentity:
    """Return the identity of a slot of `fill_slot`."""
    target = SopsTarget.of(slot)
    return identify_file(str(target.path), folder, entry=_join(target.keys), form="sops")


def _fill_key(template: str, fields: Mapping[str, str], entry: str) -> str:
    key = templates.fill(template, fields, _to_key)
    if not key or _UNSAFE_IN_KEY.search(key.replace("%", "")):
        raise InputError(f"entry {entry!r} has a part that is empty or holds brackets, quotes or control characters")
    return key


def _to_key(value: str) -> str:
    """Return a value as (part of) a key: few characters are percent-encoded; different values give different texts."""
    if value in ("", "_"):
        return "%5F" if value else "_"
    return _UNSAFE_IN_KEY.sub(_percent_encode, value)


def _percent_encode(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found.group().encode(errors="surrogatepass"))


def _join(keys: tuple[str, ...]) -> str:
    return ".".join(f'"{key}"' if "." in key else key for key in keys)
