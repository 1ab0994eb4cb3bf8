"""What a sops file shows without its key: its tree, its settings and the notes in it.

Users may have edited the file by hand. A file that sops did not make is refused, never guessed at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.patterns import searches

_NOTES = "keyplan"
_SETTINGS = (
    ("unencrypted_suffix", False),
    ("encrypted_suffix", True),
    ("unencrypted_regex", False),
    ("encrypted_regex", True),
)
"""In the order in which sops asks them, and whether they name what is encrypted."""
_DIGEST_DIGITS = 10
_ENCRYPTED = "ENC["
"""How every encrypted value begins; getsops.io, "Message format"."""


@dataclass(frozen=True, slots=True)
class Document:
    """A sops file, read without decrypting."""

    tree: Mapping[Any, Any]

    @classmethod
    def parse(cls, content: bytes, *, kind: str, name: str) -> Document:
        """Return the file's tree.

        Raises SinkUnavailableError if it is not YAML or JSON, SinkDeniedError if it is not encrypted with sops.
        """
        try:
            tree = json.loads(content) if kind == "json" else yaml.load(content, Loader=yaml.CSafeLoader)
        except (ValueError, yaml.YAMLError):
            raise SinkUnavailableError(
                f"{name} is not a single {kind.upper()} document", advice="restore it from git, or name another file"
            ) from None
        if not isinstance(tree, dict) or not isinstance(tree.get("sops"), dict):
            raise SinkDeniedError(
                f"{name} is not encrypted with sops",
                advice=f"encrypt it first (sops encrypt --in-place {name}), or name a file that does not exist yet",
            )
        return cls(tree)

    def find(self, keys: Sequence[str]) -> object:
        """Return what stands at an entry, as it stands there; None if nothing does."""
        found: object = self.tree
        for key in keys:
            if not isinstance(found, Mapping):
                return None
            found = found.get(key)
        return found

    def is_encrypted(self, keys: Sequence[str]) -> bool:
        """Whether an entry is a text that sops encrypted."""
        found = self.find(keys)
        return isinstance(found, str) and found.startswith(_ENCRYPTED)

    def find_obstacle(self, keys: Sequence[str]) -> str:
        """Return the first part on the way to an entry that is there and no mapping; empty if there is none."""
        for length in range(1, len(keys)):
            found = self.find(keys[:length])
            if found is not None and not isinstance(found, Mapping):
                return ".".join(keys[:length])
        return ""

    def would_encrypt(self, keys: Sequence[str]) -> bool | None:
        """Whether sops encrypts a new value at an entry, by the file's settings; None if they can't be understood.

        getsops/sops, sops.go, `Tree.shouldBeEncrypted`: each setting looks at every part of the way to the entry, with
        expressions of Go, which are RE2's. What comments decide is not seen here.
        """
        settings, answer = self.tree["sops"], True
        if any(settings.get(name) for name in ("unencrypted_comment_regex", "encrypted_comment_regex")):
            return None
        try:
            for name, is_encrypting in _SETTINGS:
                wanted = settings.get(name)
                if not wanted:
                    continue
                fits = any(key.endswith(wanted) if name.endswith("suffix") else searches(wanted, key) for key in keys)
                # One that names what is encrypted leaves out all else; one that names what is not says no more.
                answer = fits if is_encrypting else answer and not fits
        except (TypeError, ValueError):
            return None
        return answer

    @property
    def is_manifest(self) -> bool:
        """Whether the file is an object of Kubernetes, whose top-level fields others check."""
        return all(isinstance(self.tree.get(field), str) for field in ("apiVersion", "kind"))

    def note_places(self, wanted: str | None, note: str) -> tuple[tuple[str, ...], ...]:
        """Return where the note of an entry can stand: where it is written, then where an older keyplan wrote it.

        A manifest of Kubernetes has it in an annotation: a field that its schema does not declare stops Flux, and
        others that apply it strictly (decision 0022).
        """
        field = (self.notes_field(wanted), note)
        if wanted or not self.is_manifest:
            return (field,)
        digest = hashlib.sha256(note.encode()).hexdigest()[:_DIGEST_DIGITS]
        return (("metadata", "annotations", f"keyplan/note.{digest}"), field)

    def notes_field(self, wanted: str | None) -> str:
        """Return the name of the field for notes: the wanted one, or one that this file's settings leave in the clear.

        getsops.io, "Encrypting only parts of a file": a key with `unencrypted_suffix` is left alone; with
        `encrypted_suffix` or `encrypted_regex` every key is that does not fit.
        """
        return wanted or f"{_NOTES}{self.tree['sops'].get('unencrypted_suffix') or ''}"
