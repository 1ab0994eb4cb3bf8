"""Brings the files of manifests into canonical form, each whole or not at all.

Nothing that a manifest names is read or contacted.
"""

from __future__ import annotations

import os
from pathlib import Path

from keyplan.app.files import STDIN, Input, save_again
from keyplan.app.schema import merge_plugin_options
from keyplan.documents import schemas
from keyplan.manifest.formatter import format_manifest


class Formatter:
    """Formats any number of manifests, with one schema."""

    def __init__(self) -> None:
        self._schema = merge_plugin_options(schemas.load("manifest.v1"))
        self._modeline = schemas.modeline()

    def format(self, source: Input) -> bytes:
        """Return the canonical form of a manifest.

        Raises:
            ManifestError: It is not the YAML of a manifest.
            InputError: A comment or the meaning could not be kept.
        """
        return format_manifest(source.content, file=source.name, schema=self._schema, modeline=self._modeline)


def save_formatted(source: Input, content: bytes) -> None:
    """Put new content in a manifest's place, with its owner, group and mode. Raises InputError if that fails.

    A link stays a link: the file that it leads to is replaced.
    """
    if source.name != STDIN:
        save_again(Path(os.path.realpath(source.folder / Path(source.name).name)), content)
