"""Reads the files that plugins name in their options: plain files of a bounded size, checked against a schema.

A policy judges the option before: `app.untrusted` refuses a manifest before any plugin is asked.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from keyplan.documents import schemas
from keyplan.errors import InputError
from keyplan.manifest import read_plugin_file
from keyplan.model.checked_file import CheckedFile, ReadFile

MAX_BYTES = 1024 * 1024
_ENDINGS = (".yaml", ".yml", ".json")


def make_file_reader(folder: Path) -> ReadFile:
    """Return what reads files whose paths start from a folder, and checks them against a published schema."""

    def read(path: str, schema: str) -> CheckedFile:
        # Only such files: the messages about another one could quote what it holds.
        if not path.endswith(_ENDINGS) or "\0" in path:
            raise InputError(f"{path} must be a YAML file, which ends with {' or '.join(_ENDINGS)}")
        family = schema.partition(".")[0]
        return read_plugin_file(_read(folder / path, path), file=path, schema=schemas.load(schema), family=family)

    return read


def _read(path: Path, name: str) -> bytes:
    try:
        with open(path, "rb", opener=_open_plain) as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"{name} does not exist", advice="paths start from the folder of the manifest") from None
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise InputError(f"{name} is larger than {MAX_BYTES // 1024} KiB")
    return content


def _open_plain(path: str, _flags: int) -> int:
    # Not waiting: a manifest may name a FIFO.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{Path(path).name} is not a plain file")
    return descriptor
