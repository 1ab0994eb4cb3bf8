"""The way into the folder of a file that a manifest names.

In: the manifest's folder, and a path. Out: the open folder. Never: a link followed on the way of a relative path.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import PurePosixPath

from keyplan.adapters.durable_files import Folder

OpenFolder = Callable[..., AbstractContextManager[Folder]]
"""`Folder.enter`, or a test's."""


def enter_folder_of(
    path: PurePosixPath, *, base: str, create: bool, enter: OpenFolder = Folder.enter
) -> AbstractContextManager[Folder]:
    """Open the folder that a file lies in. Raises OSError; FileNotFoundError where it is not there and not made."""
    # An absolute path is an administrator's word, links on the way and all. A relative one leads through a
    # repository, where a link may be anybody's: none is followed.
    parts = path.parent.parts
    if path.is_absolute():
        return enter(parts[0], parts[1:], create=create, follow=True)
    return enter(base, parts, create=create, follow=False)
