"""Finds the folder of a manifest's ledger, and takes over that of a former name of it.

A folder of another owner, manifest or account must never be read as this manifest's, nor written.
"""

from __future__ import annotations

from threading import Lock

from keyplan.errors import LedgerError, LedgerForeignError
from keyplan.ledgers.s3.layout import Layout, name_folder
from keyplan.ledgers.s3.objects import S3Objects, Values
from keyplan.ledgers.s3.records import FORMAT_VERSION, Head
from keyplan.model.identity import Identity, Lineage


class S3Heads:
    """The heads of the folders that can be one manifest's, at one account. Safe for threads."""

    def __init__(self, objects: S3Objects, lineage: Lineage, account: str) -> None:
        self._objects = objects
        self._lineage = lineage
        self._account = account
        self._turn = Lock()
        self._taken: Layout | None = None
        """The folder, once its head bears the manifest's present identity."""

    def find(self) -> Layout | None:
        """Return where the ledger is; None if there is none yet.

        Raises:
            LedgerForeignError: Another manifest has taken it over.
            LedgerDamagedError: A head is not one of keyplan's.
            LedgerError: A newer keyplan wrote it.
        """
        if self._taken:
            return self._taken
        found = self._search()
        return Layout(found.folder) if found else None

    def find_or_create(self) -> Layout:
        """Return where the ledger is; if there is none yet, create it. Raises as `find` does."""
        return self.find() or self.take()

    def take(self) -> Layout:
        """Return where the ledger is, once it bears the manifest's present identity. Raises as `find` does."""
        with self._turn:
            if self._taken is None:
                self._taken = self._take()
            return self._taken

    def _take(self) -> Layout:
        own = self._lineage.identity
        found = self._search()
        if found and found.identity == own:
            return Layout(found.folder)
        if found:
            # First the former head: after a crash in between, `_search` follows it, and the next write goes on.
            self._objects.change(self._key(found.identity), lambda values: self._move(found, values))
        folder = found.folder if found else self._folder(own)
        head = Head(identity=own, account=self._account, folder=folder)
        created = self._objects.change(self._key(own), lambda values: values or head.to_dict())
        # Another process of the same manifest may have been quicker.
        return Layout(self._check(created.values, own).folder) if created else Layout(folder)

    def _move(self, found: Head, values: Values | None) -> Values | None:
        if values is None:
            return None
        head = self._check(values, found.identity)
        if head.moved_to:
            return values
        own = self._lineage.identity
        return Head(identity=head.identity, account=head.account, folder=head.folder, moved_to=own).to_dict()

    def _search(self) -> Head | None:
        """Return the head of the present identity, else the first of a former one whose ledger is there to take."""
        own, *formers = self._lineage.identities
        head = self._read(own)
        if head and head.moved_to:
            raise self._make_moved_error(head.moved_to)
        if head:
            return head
        for former in formers:
            head = self._read(former)
            if head and head.moved_to in {None, own}:
                return head
        return None

    def _read(self, identity: Identity) -> Head | None:
        found = self._objects.read(self._key(identity))
        return self._check(found.values, identity) if found else None

    def _check(self, values: Values, identity: Identity) -> Head:
        key = self._key(identity)
        version = values.get("format_version")
        if isinstance(version, int) and version > FORMAT_VERSION:
            where = self._objects.client.name(key)
            raise LedgerError(f"{where} was written by a newer keyplan", advice="upgrade keyplan")
        try:
            head = Head.from_dict(values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._objects.damaged(key) from error
        if (head.identity, head.account) != (identity, self._account):
            raise LedgerForeignError(
                f"{self._objects.client.name(key)} belongs to '{head.identity}' at {head.account}, "
                f"not to '{identity}' at {self._account}",
                advice="objects of a ledger can't be copied to another name: remove them, or name another prefix",
            )
        return head

    def _make_moved_error(self, other: Identity) -> LedgerForeignError:
        own = self._lineage.identity
        is_same_owner = other.owner == own.owner and other.id and not own.id
        line = f"id: {other.id}" if is_same_owner else f"formerly: [{{owner: {other.owner}, id: {other.id}}}]"
        return LedgerForeignError(
            f"the ledger of '{own}' in {self._objects.client.options.address} was taken over by the manifest '{other}'",
            advice=f"name another prefix for this manifest; or, if it is the same one, add the line: {line}",
        )

    def _folder(self, identity: Identity) -> str:
        return name_folder(self._objects.client.options.prefix, identity, self._account)

    def _key(self, identity: Identity) -> str:
        return Layout(self._folder(identity)).head
