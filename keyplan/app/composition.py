"""Reads what a manifest is composed of, and holds what it asks for against the policies before it is given.

An included file is a file that the manifest names, and its variables of the environment are read on its word: neither
is touched unless every policy allows it. Overlays and files of variables are named by the user.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path, PurePath

from keyplan.app.layers import Surroundings
from keyplan.app.secret_variables import holds_secret
from keyplan.manifest import Refusal, Sources, TextFile
from keyplan.model.globs import fits_name, split_path
from keyplan.model.policy import AllowRule, Policy
from keyplan.model.quotes import quote
from keyplan.system.links import LinkResolver

MAX_INCLUDED_BYTES = 4 * 1024 * 1024
_ENDINGS = (".yaml", ".yml", ".json")


def make_sources(
    name: str,
    folder: Path,
    surroundings: Surroundings,
    policies: Collection[Policy],
    read: Callable[[str], bytes],
) -> Sources:
    """Return what the manifest of a name, in a folder, is composed of; `read` returns a file that the user names.

    Raises InputError if an overlay or a file of variables cannot be read.
    """
    layers = surroundings.layers
    door = _Door(name, folder, surroundings, tuple(policies))
    return Sources(
        overlays=tuple(TextFile(name=file, content=read(file)) for file in layers.overlays),
        variables=layers.variables,
        var_files=tuple(TextFile(name=file, content=read(file)) for file in layers.var_files),
        environment=surroundings.environment,
        include=door.include,
        judge_variable=door.judge_variable,
    )


@dataclass(frozen=True, slots=True)
class _Door:
    """Lets in what a manifest asks for, if the policies allow it."""

    name: str
    folder: Path
    surroundings: Surroundings
    policies: tuple[Policy, ...]

    def include(self, file: str, path: str) -> TextFile | Refusal:
        """Return the file that a path means, written in the manifest or in an overlay."""
        shown = path if PurePath(path).is_absolute() else str(PurePath(file).parent / path)
        start = self.folder if file == self.name else (self.surroundings.folder / file).absolute().parent
        if "\0" in path or not path.endswith(_ENDINGS) or path.startswith("~"):
            return _refuse(path, f"must be the path of a YAML file, which ends with {' or '.join(_ENDINGS)}")
        # First of all: what is not allowed must not be opened, and nothing about it may be reported.
        if refusal := self._judge_path(path, str(start / path)):
            return refusal
        try:
            return TextFile(name=shown, content=_read_plain(start / path))
        except OSError as error:
            return _refuse(path, f"cannot be read: {error.strerror}")
        except ValueError as error:
            return _refuse(path, str(error))

    def _judge_path(self, path: str, real: str) -> Refusal | None:
        links = LinkResolver(str(self.folder))
        for policy in self.policies:
            allowed = policy.allow.folders if policy.allow else None
            if allowed is None:
                continue
            way = split_path(real, links.start)
            folders = [str(Path(links.start, one)) for one in allowed]
            if way is None or not links.stays_within(way, folders):
                fact = f"included file {quote(path)} leads into no allowed folder"
                return Refusal(message=f"{fact} ({policy.cite(AllowRule.FOLDERS)})", rule=AllowRule.FOLDERS.id)
        return None

    def judge_variable(self, name: str) -> Refusal | None:
        """Return why the manifest may not read a variable of the environment."""
        if holds_secret(name, self.surroundings.environment.get(name, "")):
            fact = f"{quote(name)} holds a secret, and no manifest may read one"
            return Refusal(message=fact, rule="secret")
        for policy in self.policies:
            allowed = policy.allow.environment if policy.allow else None
            if allowed is not None and not any(fits_name(glob, name) for glob in allowed):
                fact = f"variable {quote(name)} of the environment is not allowed"
                return Refusal(message=f"{fact} ({policy.cite(AllowRule.ENVIRONMENT)})", rule=AllowRule.ENVIRONMENT.id)
        return None


def _refuse(path: str, reason: str) -> Refusal:
    return Refusal(message=f"included file {quote(path)} {reason}", rule="include")


def _read_plain(path: Path) -> bytes:
    """Return the content of a plain file. Raises OSError, and ValueError with half a sentence if it is none."""
    with open(path, "rb", opener=_open_plain) as file:
        content = file.read(MAX_INCLUDED_BYTES + 1)
    if len(content) > MAX_INCLUDED_BYTES:
        raise ValueError(f"is larger than {MAX_INCLUDED_BYTES // 1024 // 1024} MiB")
    return content


def _open_plain(path: str, _flags: int) -> int:
    # Not waiting: a manifest may name a FIFO.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("is not a plain file")
    return descriptor
