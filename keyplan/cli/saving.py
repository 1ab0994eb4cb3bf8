"""Files that a command writes for its user: whole or not at all, and readable by nobody else unless they are public."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from keyplan.errors import InputError


def save_privately(path: Path, content: bytes) -> None:
    """Put a file of mode 0600 in place of a former one. Raises InputError where that is impossible."""
    _save(path, content, mode=0o600)


def save_publicly(path: Path, content: bytes) -> None:
    """Put a file of mode 0644 in place of a former one. Raises InputError where that is impossible.

    For metrics alone: node_exporter reads them as another user. They hold names, times and counts, which everybody who
    may see the dashboard sees, and never a key, a redacted form, a description or a fingerprint.
    """
    _save(path, content, mode=0o644)


def save_new(path: Path, content: bytes) -> None:
    """Write a file that must not be there yet. Raises InputError where it is, or where that is impossible."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise InputError(f"{path} is there already", advice="name another file, or move that one away") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def _save(path: Path, content: bytes, *, mode: int) -> None:
    # os.replace would put a plain file in place of a device or a pipe without a word; and, for root, in place of the
    # link /dev/stdout where that leads to a plain file, for everybody on the machine.
    if _is_device(path) or (path.exists() and not path.is_file()):
        raise InputError(f"{path} is not a plain file")
    try:
        _write(path, content, mode)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def _is_device(path: Path) -> bool:
    """Whether a name stands where the system keeps its devices; the file need not be there."""
    return os.path.realpath(path.parent) == "/dev"


def _write(path: Path, content: bytes, mode: int) -> None:
    # A temporary file has mode 0600 from its birth on; whatever the umask says, it gets the mode that is asked for.
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        finally:
            with suppress(FileNotFoundError):
                Path(file.name).unlink()
