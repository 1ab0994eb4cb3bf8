"""Files that a command writes for its user: whole or not at all, readable by nobody else."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from keyplan.errors import InputError


def save_privately(path: Path, content: bytes) -> None:
    """Put a file of mode 0600 in place of a former one. Raises InputError where that is impossible."""
    # os.replace would put a plain file in place of a device or a pipe without a word.
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is not a plain file")
    try:
        _write(path, content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def save_new(path: Path, content: bytes) -> None:
    """Write a file that must not be there yet. Raises InputError where it is, or where that is impossible."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise InputError(f"{path} is there already", advice="name another file, or move that one away") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    # A temporary file has mode 0600 from its birth on.
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        finally:
            with suppress(FileNotFoundError):
                Path(file.name).unlink()
