"""The manifests that a watch looks after: found, read, and read again when one of their files changes.

A manifest that cannot be read any longer must not stop what the one before it lets time bring about.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from keyplan.app.context import RunContext
from keyplan.app.discovery import find_manifests
from keyplan.app.files import STDIN, read_input, read_policies
from keyplan.app.ledger_choice import LedgerName
from keyplan.app.workspace import Workspace, load_workspace, require_separate, set_lease, set_preflight
from keyplan.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedNames:
    """What the user named."""

    sources: tuple[str, ...]
    """Manifests, and folders of them; none stands for the default manifest."""
    exclude: tuple[str, ...] = ()
    """Patterns of what is left out of folders."""
    policies: tuple[str, ...] = ()
    ledger: LedgerName | None = None
    lease: timedelta | None = None
    """How long locks are held without a renewal; None leaves it to the manifest."""
    is_preflight: bool = True
    """Whether planning asks sinks what would keep their places from being written."""


class WatchedFile:
    """One manifest with the policies that hold for it, and whether any of these files has changed."""

    def __init__(self, name: str, names: WatchedNames, context: RunContext) -> None:
        self.name = name
        self._names = names
        self._context = context
        self._includes: tuple[str, ...] = ()
        """What the manifest included when it was read last."""
        self._seen: tuple[object, ...] = ()
        self._digest = ""

    def has_changed(self) -> bool:
        """Whether it looks otherwise than when it was read; a file that is gone does."""
        return self._stat() != self._seen

    def read(self, others: Iterable[Workspace], *, is_forced: bool = False) -> Workspace | None:
        """Return the manifest with its surroundings; None if its content is what it was, and it is not forced.

        Raises InputError if it cannot be read, has problems, or interferes with one of the `others`.
        """
        # Before the content: a change between the two is then noticed by the next look.
        self._seen = self._stat()
        source = read_input(self.name, self._context)
        beside = [read_input(name, self._context) for name in (*self._names.policies, *self._context.layers.files)]
        digest = sha256(b"\0".join([source.content, *(one.content for one in beside)])).hexdigest()
        # A changed include shows only in its times: what a manifest names is read only where policies are checked.
        if digest == self._digest and not is_forced and not self._includes:
            return None
        self._digest = ""
        try:
            workspace = load_workspace(
                source,
                self._context,
                ledger=self._names.ledger,
                policies=read_policies(self._names.policies, self._context),
            )
        except InputError:
            # It may be for a file that it includes, and that is not known then: it is read again at the next look.
            self._seen = () if b"include" in source.content or self._includes else self._seen
            raise
        if workspace.manifest.includes != self._includes:
            # Read once more at the next look: what was not known could change unnoticed meanwhile.
            self._includes = workspace.manifest.includes
            self._seen = ()
        require_separate([*others, workspace])
        leased = set_lease(workspace, self._names.lease)
        (workspace,) = set_preflight([leased], is_preflight=self._names.is_preflight)
        # Only now: what has problems is read again each time.
        self._digest = digest
        return workspace

    def _stat(self) -> tuple[object, ...]:
        return tuple(self._stat_one(name) for name in self._list_files())

    def _list_files(self) -> tuple[str, ...]:
        return (self.name, *self._names.policies, *self._context.layers.files, *self._includes)

    def _stat_one(self, name: str) -> object:
        # The inode too: a ConfigMap changes by a link that leads elsewhere, and a file may keep its times.
        try:
            found = os.stat(self._context.folder / name)  # noqa: PTH116 - says no to an impossible name in one way
        except (OSError, ValueError):
            return None
        return found.st_mtime_ns, found.st_ino, found.st_dev, found.st_size


def list_watched(names: WatchedNames, context: RunContext) -> Sequence[str]:
    """Return the names of the manifests that are meant now, each once.

    Raises InputError if none is there, or if one is standard input, which cannot be read again.
    """
    found = find_manifests(names.sources, context, names.exclude)
    if STDIN in found:
        raise InputError("standard input cannot be watched", advice="name a file or a folder")
    return found
