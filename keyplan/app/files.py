"""Reads the files that a user names, within bounds, and writes those that a command makes, whole or not at all.

What is written is readable by its owner alone, unless it is public.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import stat
from collections.abc import Collection
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote as quote_shell

from keyplan.app import registry
from keyplan.app.composition import make_sources
from keyplan.app.context import RunContext
from keyplan.app.layers import ALONE, Surroundings
from keyplan.app.wiring import LEDGERS, PROVIDERS, SINKS
from keyplan.documents import schemas
from keyplan.documents.plan import is_newer
from keyplan.documents.plan_set import combine_digests, from_documents
from keyplan.errors import InputError, ManifestError, PlanFileError, Problem
from keyplan.manifest import PluginSchemas, Sources, compose_text, read_with_problems, render_composed
from keyplan.manifest import read_policy as read_policy_in
from keyplan.model.manifest import Manifest
from keyplan.model.plan import Plan
from keyplan.model.policy import Policy
from keyplan.system.files import Folder

STDIN = "-"
_MAKE_PLAN = "make one with: keyplan plan --out FILE"
MAX_INPUT_BYTES = 64 * 1024 * 1024
_APPEND_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_STANDARD = {"/dev/stdout": "/dev/fd/1", "/dev/stderr": "/dev/fd/2"}
_DESCRIPTOR = re.compile(r"(?:/dev|/proc/self)/fd/([0-9]{1,9})", re.ASCII)


_FIELDS = re.compile(rb"version|owner|keys|include|digest")
"""Fields of a plan or a manifest, one of which each of them has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A file, or standard input, as it was read."""

    name: str
    """As the user named it."""
    folder: Path
    """Where relative paths in it start from; absolute."""
    content: bytes
    surroundings: Surroundings = ALONE

    @property
    def is_plan(self) -> bool:
        """Whether it is meant as a saved plan: a JSON object that speaks of a format version."""
        return self.content.lstrip()[:1] == b"{" and b'"format_version"' in self.content

    @property
    def is_neither(self) -> bool:
        """Whether it is a mapping in braces, such as ``{}``, without any field of a plan or a manifest."""
        return self.content.lstrip()[:1] == b"{" and not _FIELDS.search(self.content)


def read_input(name: str, context: RunContext, *, if_missing: str = "") -> Input:
    """Return a file's content. Raises InputError if it cannot be read, or is too large."""
    around = Surroundings(layers=context.layers, folder=context.folder, environment=context.environment)
    if name == STDIN:
        content = _bound(context.read_stdin(MAX_INPUT_BYTES + 1), name)
        return Input(name=name, folder=context.folder, content=content, surroundings=around)
    path = context.folder / name
    content = _read(path, name, if_missing or _advise_missing(name))
    return Input(name=name, folder=path.absolute().parent, content=content, surroundings=around)


def _advise_missing(name: str) -> str:
    if name.endswith(".json"):
        return f"save a plan with: keyplan plan --out {quote_shell(name)}"
    return "write a manifest with: keyplan init"


def _read(path: Path, name: str, if_missing: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_INPUT_BYTES + 1)
    except IsADirectoryError:
        raise InputError(f"{name} is a folder, not a file") from None
    except FileNotFoundError:
        raise InputError(f"{name} does not exist", advice=if_missing) from None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "its name is impossible"
        raise InputError(f"{name} cannot be read: {reason}") from None
    return _bound(content, name)


def read_manifest(source: Input, policies: Collection[Policy] = ()) -> Manifest:
    """Return the manifest in it, composed as far as the policies allow it. Raises ManifestError with every problem."""
    manifest, problems = read_manifest_with_problems(source, policies)
    if problems:
        raise ManifestError(problems)
    return manifest


def read_manifest_with_problems(
    source: Input, policies: Collection[Policy] = ()
) -> tuple[Manifest, tuple[Problem, ...]]:
    """Return what of the manifest in it is sound, and every problem in file order.

    Raises ManifestError if nothing is sound, and InputError if an overlay or a file of variables cannot be read.
    """
    return read_with_problems(
        source.content,
        file=source.name,
        schema=schemas.load("manifest.v1"),
        plugins=_list_plugins(),
        sources=_open_sources(source, policies),
    )


def write_composed_manifest(source: Input, policies: Collection[Policy] = ()) -> str:
    """Return the manifest in it written out, each value with its place. Raises as `read_manifest` does."""
    root, problems = compose_text(
        source.content,
        file=source.name,
        schema=schemas.load("manifest.v1"),
        plugins=_list_plugins(),
        sources=_open_sources(source, policies),
    )
    return render_composed(root, problems)


def _list_plugins() -> PluginSchemas:
    return PluginSchemas(
        provider=partial(registry.options_schema, PROVIDERS),
        sink=partial(registry.options_schema, SINKS),
        ledger=partial(registry.options_schema, LEDGERS),
        key_forms=registry.find_key_forms,
        credential=registry.find_credential,
    )


def _open_sources(source: Input, policies: Collection[Policy]) -> Sources:
    around = source.surroundings

    def read(name: str) -> bytes:
        return _read(around.folder / name, name, "name a file that is there")

    return make_sources(source.name, source.folder, around, policies, read)


def read_policies(files: Collection[str], context: RunContext) -> tuple[Policy, ...]:
    """Return the policies in these files, in their order.

    Raises InputError if one cannot be read, ManifestError with every problem of all of them.
    """
    policies, problems = read_policies_with_problems(files, context)
    if problems:
        raise ManifestError(problems)
    return policies


def read_policies_with_problems(
    files: Collection[str], context: RunContext
) -> tuple[tuple[Policy, ...], tuple[Problem, ...]]:
    """Return the policies that are sound, and every problem of the others. Raises InputError."""
    policies: list[Policy] = []
    problems: list[Problem] = []
    schema = schemas.load("policy.v1") if files else {}
    for file in files:
        source = read_input(file, context, if_missing="name the file that holds the rules with --policy")
        try:
            policies.append(read_policy_in(source.content, file=source.name, schema=schema))
        except ManifestError as error:
            problems += error.problems
    return tuple(policies), tuple(problems)


def read_plans(source: Input) -> tuple[Plan, ...]:
    """Return the saved plan in it, or the plans of several manifests.

    Raises PlanFileError if it is none, or says something else than the digest it carries.
    """
    try:
        document = json.loads(source.content)
    except (ValueError, RecursionError):
        raise PlanFileError(f"{source.name} is not a plan file: it is not valid JSON", advice=_MAKE_PLAN) from None
    try:
        plans = from_documents(document)
    except PlanFileError as error:
        if _is_no_plan(document):
            raise PlanFileError(f"{source.name} is JSON, and not a saved plan", advice=_MAKE_PLAN) from None
        raise PlanFileError(f"{source.name}: {error.message}", advice=error.advice) from None
    # A newer keyplan may have made its digest of fields that are not known here.
    if not is_newer(document["format_version"]) and document.get("digest") != combine_digests(plans):
        raise PlanFileError(
            f"{source.name} was changed after it was made: its content has another digest",
            advice=_MAKE_PLAN,
        )
    return plans


def _is_no_plan(document: object) -> bool:
    """Whether a document of a format version that is known here is something else: a report, a drift."""
    version = document.get("format_version") if isinstance(document, dict) else None
    if not isinstance(version, str) or not re.fullmatch(r"1\.[0-9]{1,9}", version) or is_newer(version):
        return False
    return isinstance(document, dict) and not {"resource_changes", "plans"} & set(document)


def _bound(content: bytes, name: str) -> bytes:
    if len(content) > MAX_INPUT_BYTES:
        raise InputError(f"{name} is larger than {MAX_INPUT_BYTES // 1024 // 1024} MiB")
    return content


def require_writable(path: Path) -> None:
    """Return if `save_privately` can write a file, as far as that shows before. Writes nothing. Raises InputError."""
    _refuse_to_replace(path)
    _require_folder(path.parent, path)


def require_appendable(path: Path) -> None:
    """Return if `open_to_append` can open it, as far as that shows before. Makes nothing. Raises InputError."""
    if _find_descriptor(path) is not None:
        return
    found = _look_at(path, follow=False)
    if found is None:
        _require_folder(path.parent, path)
    else:
        _refuse_to_append(path, found)


def require_folder(path: Path) -> None:
    """Return if files can be written into a folder, which need not be there yet. Raises InputError."""
    found = _look_at(path)
    if found is not None and not stat.S_ISDIR(found.st_mode):
        raise InputError(f"{path} is a file, not a folder", advice="name a folder")
    nearest = next(folder for folder in (path, *path.absolute().parents) if _look_at(folder) is not None)
    _require_folder(nearest, path)


def _require_folder(folder: Path, path: Path) -> None:
    """Return if a folder is there and can be written, for a file that is to be at a path. Raises InputError."""
    found = _look_at(folder)
    code = errno.ENOENT if found is None else errno.EACCES
    if found is not None and not stat.S_ISDIR(found.st_mode):
        code = errno.ENOTDIR
    elif found is not None and os.access(folder, os.W_OK | os.X_OK):
        return
    raise InputError(f"{path} cannot be written: {os.strerror(code)}")


def _look_at(path: Path, *, follow: bool = True) -> os.stat_result | None:
    """Return what is there; None if nothing is. Raises InputError if that cannot be said."""
    try:
        return path.stat(follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "its name is impossible"
        raise InputError(f"{path} cannot be written: {reason}") from None


def save_privately(path: Path, content: bytes) -> None:
    """Put a file of mode 0600 in place of a former one. Raises InputError if that is impossible."""
    _save(path, content, mode=0o600)


def save_publicly(path: Path, content: bytes) -> None:
    """Put a file of mode 0644 in place of a former one. Raises InputError if that is impossible.

    For metrics, which node_exporter reads as another user, and published schemas. Metrics hold names, times and counts,
    which all users of the dashboard see, and never a key, a redacted form, a description or a fingerprint.
    """
    _save(path, content, mode=0o644)


def save_again(path: Path, content: bytes) -> None:
    """Put another content in place of a file that is there; owner, group and mode stay. Raises InputError."""
    try:
        with Folder.enter(str(path.parent), [], create=False, follow=True) as folder:
            folder.write(path.name, content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def save_new(path: Path, content: bytes) -> None:
    """Write a file that must not be there yet. Raises InputError if it is, or where that is impossible."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise InputError(f"{path} is there already", advice="name another file, or move that one away") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def open_to_append(path: Path) -> int:
    """Return a descriptor that writes to the end of a file, which is made with mode 0600 if there is none.

    A name such as `/dev/stdout` or `/dev/fd/3` gives what the shell has opened there, a pipe too; another device, such
    as `/dev/null`, is written as it is. Raises InputError, without waiting and with nothing written, if it is a FIFO,
    a socket, a folder, a link, or a file that has a second name.
    """
    try:
        if (number := _find_descriptor(path)) is not None:
            return _copy_descriptor(number)
        with suppress(FileNotFoundError):
            # Before it is opened: that alone would end the wait of a FIFO's reader.
            _refuse_to_append(path, path.lstat())
        # Not following, not waiting: what is there may have been exchanged meanwhile, and is looked at once more.
        descriptor = os.open(path, _APPEND_FLAGS, 0o600)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
    with ExitStack() as undo:
        undo.callback(os.close, descriptor)
        _refuse_to_append(path, os.fstat(descriptor))
        os.set_blocking(descriptor, True)
        undo.pop_all()
    return descriptor


def _find_descriptor(path: Path) -> int | None:
    """Return the number of the descriptor that a name stands for; None if it is another name."""
    name = _STANDARD.get(str(path), str(path))
    found = _DESCRIPTOR.fullmatch(name)
    return int(found[1]) if found else None


def _copy_descriptor(number: int) -> int:
    """Return another descriptor of what is open. Raises OSError if nothing is, or nothing that can be written."""
    # Not opened by its name: of a file that would be a second position, which overwrites what is written at the first.
    if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "it is open for reading only")
    return os.dup(number)


def _refuse_to_append(path: Path, found: os.stat_result) -> None:
    _refuse_directory(path, found)
    if stat.S_ISLNK(found.st_mode):
        raise InputError(f"{path} is a link, which keyplan does not follow here", advice="name the real file")
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISCHR(found.st_mode)):
        raise InputError(
            f"{path} is not a plain file", advice="name a plain file, or - for stdout; for a pipe, /dev/fd/N"
        )
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        raise InputError(
            f"{path} is a file of several names (hard links), and keyplan writes to none of them",
            advice="remove that name, or name another file",
        )


def _refuse_directory(path: Path, found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{path} is a directory, not a file", advice="name a file, for example one in it")


def _save(path: Path, content: bytes, *, mode: int) -> None:
    _refuse_to_replace(path)
    try:
        with Folder.enter(str(path.parent), [], create=False, follow=True) as folder:
            folder.replace(path.name, content, mode=mode)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def _refuse_to_replace(path: Path) -> None:
    # os.replace would silently put a plain file in place of a device or a pipe; and, for root, in place of the link
    # /dev/stdout if that leads to a plain file, for all users of the machine.
    found = _look_at(path)
    if found is not None:
        _refuse_directory(path, found)
    if _is_device(path) or (found is not None and not stat.S_ISREG(found.st_mode)):
        raise InputError(f"{path} is not a plain file")


def _is_device(path: Path) -> bool:
    """Whether a name stands where the system keeps devices or open files; the file need not be there."""
    folder = os.path.realpath(path.parent)
    return folder == "/dev" or folder.startswith("/proc/")
