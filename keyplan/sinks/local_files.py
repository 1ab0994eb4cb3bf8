"""Which local file a slot is, which value in it, and how the folder is opened: for the sinks that write files.

No path of a template climbs out of its folder.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from keyplan.errors import InputError, SinkDeniedError, SinkError, SinkPausedError, SinkUnavailableError
from keyplan.model.identity import SinkName
from keyplan.model.manifest import Declaration, Json
from keyplan.model.observation import Slot
from keyplan.model.quick import quick
from keyplan.sinks import templates
from keyplan.sinks.formats import VARIABLE, Dotenv, FileFormat
from keyplan.sinks.options import format_of
from keyplan.sinks.places import PlaceIdentity, identify_file
from keyplan.system.files import Folder, OwnerLostError, name_lock
from keyplan.system.locks import LockHeldError

DEFAULT_VARIABLE = "ARIZE_API_KEY"
_UNUSUAL_PARTS = frozenset({"", ".", ".."})
"""A path without them names a file, and is written as shortly as it can be."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class FileTarget:
    """A slot, read: file and variable."""

    location: str
    file: str
    """Path relative to the manifest's folder, or absolute. Text: a `PurePosixPath` of each of 10,000 takes 25 ms."""
    variable: str
    """Empty for raw and json, which hold one value each."""

    @property
    def path(self) -> PurePosixPath:
        """The file's path."""
        return PurePosixPath(self.file)

    @property
    def name(self) -> str:
        """Name of the file in its folder."""
        return self.file.rpartition("/")[2]

    @property
    def sidecar(self) -> str:
        """Name of the file that holds receipt and intent."""
        return f".{self.name}.keyplan.json"

    @property
    def sidecar_location(self) -> str:
        """The sidecar as messages name it."""
        folder, separator, name = self.file.rpartition("/")
        return f"{folder}{separator}.{name}.keyplan.json"

    @property
    def lock(self) -> str:
        """Name of the folder that is locked while the two are changed."""
        return name_lock(self.name)

    @classmethod
    def of(cls, slot: Slot) -> FileTarget:
        """Return the target that a slot of `fill_slot` means."""
        options = slot.options
        variable = str(options["variable"]) if options.get("format") == "dotenv" else ""
        return cls(location=slot.location, file=str(options["path"]), variable=variable)


def read_format(slot: Slot) -> FileFormat:
    """Return how the raw key stands in the file: as `format_of` says, or as a variable of a dotenv file."""
    return Dotenv(str(slot.options["variable"])) if slot.options.get("format") == "dotenv" else format_of(slot)


def fill_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
    """Return the slot of a declaration: ``secrets/ci.key``, for dotenv ``secrets/ci.env#ARIZE_API_KEY``.

    Raises InputError if a template names an unknown field, climbs upwards, or gives no file or variable name.
    """
    fields = templates.describe(owner, declaration)
    path = _fill_path(str(options["path"]), fields)
    if options.get("format") != "dotenv":
        return Slot(sink=sink, location=path, options={**options, "path": path})
    variable = _fill_variable(str(options.get("variable", DEFAULT_VARIABLE)), fields)
    return Slot(sink=sink, location=f"{path}#{variable}", options={**options, "path": path, "variable": variable})


def _fill_path(template: str, fields: Mapping[str, str]) -> str:
    filled = templates.fill(template, fields, templates.to_path_part)
    if not filled.isprintable():
        raise InputError(f"path {template!r} holds control characters")
    if _UNUSUAL_PARTS.isdisjoint(filled.removeprefix("/").split("/")):
        # What `PurePosixPath` would say of it, too, in a sixth of the time, and saves 20 ms of 10,000 paths.
        return filled
    path = PurePosixPath(filled)
    if ".." in path.parts:
        raise InputError(f"path '{template}' climbs upwards with '..'", advice="write an absolute path")
    if not path.name or filled.endswith(("/", "/.")):
        raise InputError(f"path '{template}' names a folder", advice="add a file name, such as {name}.key")
    return str(path)


def _fill_variable(template: str, fields: Mapping[str, str]) -> str:
    variable = templates.fill(template, fields, templates.to_variable_part)
    if not VARIABLE.fullmatch(variable):
        raise InputError(f"'{variable}' can't be the name of a variable: letters, digits and _ make one")
    return variable


def find_file_identity(slot: Slot, folder: str, *, cipher: str = "") -> PlaceIdentity:
    """Return the spot of a slot of `fill_slot`; `cipher` is what its file is encrypted with."""
    options = slot.options
    form = str(options.get("format") or "raw")
    variable = str(options["variable"]) if form == "dotenv" else ""
    return identify_file(str(options["path"]), folder, entry=variable, form=f"{cipher} {form}" if cipher else form)


OpenFolder = Callable[..., AbstractContextManager[Folder]]
"""`Folder.enter`, or a test's."""


def enter_folder_of(
    path: PurePosixPath, *, base: str, create: bool, enter: OpenFolder = Folder.enter
) -> AbstractContextManager[Folder]:
    """Open the folder that a file lies in. Raises OSError; FileNotFoundError if it is not there and not made."""
    # An absolute path is an administrator's word, links on the way and all. A relative one leads through a
    # repository, in which any contributor can add a link: none is followed.
    parts = path.parent.parts
    if path.is_absolute():
        return enter(parts[0], parts[1:], create=create, follow=True)
    return enter(base, parts, create=create, follow=False)


_DENIED = {
    errno.EACCES: "give the user who runs keyplan the right to read and write there",
    errno.EPERM: "give the user who runs keyplan the right to read and write there",
    errno.EBUSY: "a mounted file can't be replaced: mount its folder instead, or choose a path beside it",
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
    """Return the SinkDeniedError, SinkPausedError or SinkUnavailableError that an OSError means."""
    if isinstance(error, OwnerLostError):
        return SinkDeniedError(
            f"{location}: {error.strerror}",
            advice="run keyplan as that user or as root, or remove the file, so that keyplan makes one of its own",
        )
    if isinstance(error, LockHeldError):
        return SinkPausedError(
            f"{location}: {error.strerror}", advice="end that program, or wait for it; then apply again"
        )
    number = error.errno or 0
    message = f"{location}: {error.strerror or os.strerror(number)}"
    if number in _DENIED:
        return SinkDeniedError(message, advice=_DENIED[number])
    return SinkUnavailableError(message, advice=_UNAVAILABLE.get(number, "check the file system, then apply again"))
