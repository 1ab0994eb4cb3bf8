"""From the operating system's errors to the sink's: may it not be written, or can it not be, and what to do.

In: OSError. Out: SinkDeniedError or SinkUnavailableError, one line. Never: content of a file.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from keyplan.errors import SinkDeniedError, SinkError, SinkUnavailableError

_DENIED = {
    errno.EACCES: "give the user who runs keyplan the right to read and write there",
    errno.EPERM: "give the user who runs keyplan the right to read and write there",
    errno.EROFS: "choose a folder on a file system that can be written",
    errno.ELOOP: "keyplan follows no link: name the real file, or remove the link",
    errno.ENOTDIR: "keyplan follows no link and no file on the way: name the real folder by its absolute path",
    errno.EISDIR: "name a plain file",
    errno.ENAMETOOLONG: "choose a shorter path, or a template with fewer fields",
    errno.EFBIG: "name a file of secrets",
}
_UNAVAILABLE = {
    errno.ENOSPC: "make room on the file system, then apply again",
    errno.EDQUOT: "make room in the user's quota, then apply again",
}


@contextmanager
def translated(location: str) -> Iterator[None]:
    """Turn an OSError of the block into SinkDeniedError or SinkUnavailableError that names the location."""
    try:
        yield
    except OSError as error:
        raise translate(error, location) from error


def translate(error: OSError, location: str) -> SinkError:
    """Return the SinkDeniedError or SinkUnavailableError that an OSError means."""
    number = error.errno or 0
    message = f"{location}: {error.strerror or os.strerror(number)}"
    if number in _DENIED:
        return SinkDeniedError(message, advice=_DENIED[number])
    return SinkUnavailableError(message, advice=_UNAVAILABLE.get(number, "see to the file system, then apply again"))
