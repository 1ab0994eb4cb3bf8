"""Finds the manifests that a user means: files, folders, patterns, or the default names."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from keyplan.app.context import RunContext
from keyplan.app.files import STDIN
from keyplan.errors import InputError

DEFAULT_MANIFESTS = ("keys.yaml", "keyplan.yaml")


def list_default_manifests(context: RunContext) -> list[str]:
    """Return which of the default manifests are there, the one to use first."""
    return [name for name in DEFAULT_MANIFESTS if (context.folder / name).exists()]


def find_manifests(named: Sequence[str], context: RunContext) -> tuple[str, ...]:
    """Return the names of all files that are meant, each once: a folder stands for the manifests in and below it.

    Raises InputError if none is named and no default one exists, or if a folder holds none.
    """
    found = [name for one in named for name in _expand(one, context)] or [find_manifest(None, context)]
    return tuple(dict.fromkeys(found))


def find_manifest(named: str | None, context: RunContext) -> str:
    """Return the name of the manifest to use. Raises InputError if none is named and no default one exists."""
    found = [named] if named is not None else list_default_manifests(context)
    if not found:
        raise InputError(
            f"no manifest: neither {' nor '.join(DEFAULT_MANIFESTS)} is in this folder",
            advice="name a manifest, or write one with: keyplan init",
        )
    return found[0]


def _expand(named: str, context: RunContext) -> list[str]:
    """Return the manifests that a name stands for: a folder's and those below it, a pattern's, or the one file."""
    # A shell expands patterns itself; a pipeline's input, or the environment, comes as it was written.
    if glob.has_magic(named) and not os.path.exists(context.folder / named):  # noqa: PTH110 - as below
        found = sorted(glob.glob(named, root_dir=context.folder, recursive=True))  # noqa: PTH207 - knows root_dir
        return [name for one in found for name in _search_folder(one, context)] or [named]
    return _search_folder(named, context)


def _search_folder(named: str, context: RunContext) -> list[str]:
    """Return the manifests in a folder and below it, hidden folders left out; what is no folder is a manifest."""
    folder = context.folder / named
    if named == STDIN or not os.path.isdir(folder):  # noqa: PTH112 - says no to an impossible name, where Path raises
        return [named]
    found = sorted(
        str(Path(named, path.relative_to(folder)))
        for name in DEFAULT_MANIFESTS
        for path in folder.rglob(name)
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not found:
        raise InputError(f"no manifest in {named}: neither {' nor '.join(DEFAULT_MANIFESTS)} is in it or below it")
    return found
