"""Finds the manifests that a user means: files, folders, patterns, or the default names."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

from keyplan.app.context import RunContext
from keyplan.app.files import STDIN
from keyplan.app.manifest_search import DEFAULT_MANIFESTS, drop_foreign, is_excluded, search_folder
from keyplan.errors import InputError

__all__ = ["DEFAULT_MANIFESTS", "find_manifest", "find_manifests", "list_default_manifests", "refuse_second_manifest"]


def list_default_manifests(context: RunContext) -> list[str]:
    """Return the default manifest of the working directory; none if it has none. Raises InputError if it has two."""
    found = [name for name in DEFAULT_MANIFESTS if _is_there(context.folder / name, context)]
    found = drop_foreign(found, context) if len(found) > 1 else found
    _refuse_neighbours(found, context)
    return found


def _is_there(path: Path, context: RunContext) -> bool:
    return path.exists() and (context.follows_links or not path.is_symlink())


def find_manifests(named: Sequence[str], context: RunContext, exclude: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names of all files that are meant, each file once: a folder stands for those in and below it.

    `exclude` are patterns of what is left out of folders and patterns. What is left out for another reason is named to
    the user.

    Raises InputError if none is named and no default one exists, if a folder holds none, or one that cannot be taken,
    or if two are in one folder.
    """
    found = [name for one in named for name in _expand(one, context, exclude)] or [find_manifest(None, context)]
    by_file: dict[str, str] = {}
    for name in found:
        by_file.setdefault(_identify(name, context), name)
    _refuse_neighbours(list(by_file.values()), context)
    return tuple(by_file.values())


def find_manifest(named: str | None, context: RunContext) -> str:
    """Return the name of the manifest to use.

    Raises InputError if none is named and no default one exists, or more than one.
    """
    found = [named] if named is not None else list_default_manifests(context)
    if not found:
        raise InputError(
            "no manifest: neither keys.yaml nor keyplan.yaml is in this folder",
            advice="name a manifest, or write one with: keyplan init",
        )
    return found[0]


def refuse_second_manifest(new: str, context: RunContext) -> None:
    """Return if a new file would not be a second manifest of its folder. Raises InputError otherwise."""
    folder = PurePosixPath(new).parent
    there = [str(folder / name) for name in DEFAULT_MANIFESTS if (context.folder / folder / name).exists()]
    if PurePosixPath(new).name in DEFAULT_MANIFESTS and there and new not in there:
        _refuse_neighbours([*there, new], context)


def _refuse_neighbours(names: Sequence[str], context: RunContext) -> None:
    """Return if no two of these have default names in one folder. Raises InputError otherwise."""
    taken: dict[str, str] = {}
    for name in names:
        if PurePosixPath(name).name not in DEFAULT_MANIFESTS:
            continue
        folder = os.path.realpath((context.folder / name).parent)
        other = taken.setdefault(folder, name)
        if other != name:
            raise InputError(
                f"{other} and {name} are in one folder, and keyplan cannot decide which one to use",
                advice="keep one of them, or put each in a folder of its own",
            )


def _identify(name: str, context: RunContext) -> str:
    """Return what is the same for all names of one file."""
    path = str(context.folder / name)
    # An impossible name is reported when it is opened.
    return name if name == STDIN or "\0" in path else os.path.realpath(path)


def _expand(named: str, context: RunContext, exclude: Collection[str]) -> list[str]:
    """Return the manifests that a name stands for: a folder's and those below it, a pattern's, or the one file."""
    # A shell expands patterns itself; a pipeline's input, or the environment, comes as it was written.
    if glob.has_magic(named) and not os.path.exists(context.folder / named):  # noqa: PTH110 - as below
        found = sorted(glob.glob(named, root_dir=context.folder, recursive=True))  # noqa: PTH207 - knows root_dir
        kept = [one for one in found if not _is_left_out(one, exclude)]
        return [name for one in kept for name in _take(one, context, exclude)] or [named]
    return _take(named, context, exclude)


def _is_left_out(found: str, exclude: Collection[str]) -> bool:
    """Whether what a pattern found, or a folder on the way to it, is excluded."""
    path = PurePosixPath(found)
    return any(is_excluded(str(one), str(one), exclude) for one in (path, *path.parents))


def _take(named: str, context: RunContext, exclude: Collection[str]) -> list[str]:
    """Return the manifests in a folder and below it; any other name stands for a manifest."""
    folder = context.folder / named
    if named == STDIN or not os.path.isdir(folder):  # noqa: PTH112 - says no to an impossible name, where Path raises
        return [named]
    return search_folder(named, context, exclude)
