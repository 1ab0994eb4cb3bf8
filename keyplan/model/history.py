"""The history of a ledger: an entry for each apply and each command that changed it, chained by hashes.

A head that is kept elsewhere proves all of them. A hash covers what an entry says and the hash before it. It does not
prove who wrote the entry: without such a head, a user who may write the ledger can write another history.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any

from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import Json
from keyplan.model.times import read_time, write_time

_SCHEME = "keyplan history 1"
"""Part of every hash: another way to compute them gets another number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who started a run, as the environment says it: not proven."""

    name: str = ""
    """Empty if it is not known."""
    source: str = ""
    """Where the name is from: `github`, `git`, ...; empty if it is not known."""


UNKNOWN_AUTHOR = Author()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedAction:
    """One action of an apply, as its history remembers it."""

    address: Address
    verb: str
    reason: str
    status: str
    """`done`, `failed` or `in_doubt`."""
    key_id: KeyId | None = None
    """The key that the action left or ended; None if there is none."""

    def to_dict(self) -> dict[str, Any]:
        """Return the action as JSON values."""
        return {
            "address": self.address,
            "verb": self.verb,
            "reason": self.reason,
            "status": self.status,
            "key_id": self.key_id,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> AppliedAction:
        """Return the action that `to_dict` wrote. Raises KeyError or TypeError on anything else."""
        return cls(
            address=values["address"],
            verb=values["verb"],
            reason=values["reason"],
            status=values["status"],
            key_id=values["key_id"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """What ties an entry to all that came before it."""

    number: int
    """The entry's place in the history; the first has 1."""
    previous: str
    """The hash of the entry before; empty for the first."""
    hash: str
    """64 hex digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One apply, or another command that changed the ledger, with the numbers of its actions."""

    digest: str
    """Of the plan; empty for a command that has none, which `command` names then."""
    started_at: datetime
    finished_at: datetime
    added: int
    changed: int
    destroyed: int
    failed: int
    author: Author | None = None
    """Who started it; None in what a keyplan without a chain wrote."""
    host: str = ""
    command: str = ""
    """The command line, without secrets."""
    actions: tuple[AppliedAction, ...] = ()
    """What was done, in the plan's order."""
    further: Mapping[str, Json] = field(default_factory=dict)
    """Fields that a newer keyplan wrote: they are part of the hash."""
    link: ChainLink | None = field(default=None, compare=False)
    """None before a ledger has stored it, and in what a keyplan without a chain wrote."""

    @property
    def is_protected(self) -> bool:
        """Whether the entry was chained when it was written."""
        return self.link is not None and self.author is not None

    def concerns(self, address: Address) -> bool:
        """Whether an action of the entry was that address's."""
        return any(action.address == address for action in self.actions)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON values, with its link if it has one; what is unset is left out."""
        link = self.link and {"number": self.link.number, "previous": self.link.previous, "hash": self.link.hash}
        return {**self.to_content(), **({"link": link} if link else {})}

    def to_content(self) -> dict[str, Any]:
        """Return what the hash covers: all but the link."""
        values: dict[str, Any] = {
            "author": self.author and {"name": self.author.name, "source": self.author.source},
            "host": self.host,
            "command": self.command,
            "actions": [action.to_dict() for action in self.actions],
        }
        return {
            **self.further,
            "digest": self.digest,
            "started_at": write_time(self.started_at),
            "finished_at": write_time(self.finished_at),
            "added": self.added,
            "changed": self.changed,
            "destroyed": self.destroyed,
            "failed": self.failed,
            **{name: value for name, value in values.items() if value not in (None, "", [])},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HistoryEntry:
        """Return the entry that `to_dict` wrote. Raises KeyError, TypeError, ValueError or AttributeError on others."""
        author, link = values.get("author"), values.get("link")
        return cls(
            digest=values["digest"],
            started_at=read_time(values["started_at"]),
            finished_at=read_time(values["finished_at"]),
            added=values["added"],
            changed=values["changed"],
            destroyed=values["destroyed"],
            failed=values["failed"],
            author=Author(name=author["name"], source=author["source"]) if author else None,
            host=values.get("host", ""),
            command=values.get("command", ""),
            actions=tuple(AppliedAction.from_dict(action) for action in values.get("actions", ())),
            further={name: value for name, value in values.items() if name not in _FIELDS},
            link=ChainLink(number=link["number"], previous=link["previous"], hash=link["hash"]) if link else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryNote:
    """Where the entry of a command stands in the history, or why it has none."""

    link: ChainLink | None
    """None without an entry, and in a ledger without a chain."""
    failure: str = ""
    """Why the entry could not be added; empty if it was."""


_FIELDS = frozenset(HistoryEntry.__dataclass_fields__) - {"further"}


class ChainFaultKind(Enum):
    """In which way an entry does not fit the chain."""

    CONTENT = "content"
    """Its hash does not fit what it says: it was edited."""
    ORDER = "order"
    """The entry before it is not the one that it was chained to: one was edited, removed, added or moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFault:
    """An entry that does not fit the chain."""

    number: int
    """The entry's place in the history as it is now; the first has 1."""
    kind: ChainFaultKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainCheck:
    """What the chain of a history proves, with or without a head that was kept elsewhere."""

    entries: int
    unprotected: int
    """How many entries were written without a chain, by an older keyplan."""
    head: str
    """The hash of the newest entry; empty if there is none."""
    faults: tuple[ChainFault, ...]
    expected: str | None
    """The head that was kept elsewhere; None if none was given."""
    newer: int | None
    """How many entries are newer than the expected head; None if no entry has that hash, or none was given."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing contradicts the chain, nor the head if one was given."""
        return not self.faults and (self.expected is None or self.newer is not None)


def chain_entry(entry: HistoryEntry, before: Iterable[HistoryEntry]) -> HistoryEntry:
    """Return an entry chained to those before it, which come newest first and are read as far as needed.

    Call it in the transaction that stores the entry. An entry that is chained already, as in a copy, stays as it is.
    """
    if entry.link is not None:
        return entry
    previous, number = "", 0
    unchained: list[HistoryEntry] = []
    for former in before:
        if former.link is not None:
            previous, number = former.link.hash, former.link.number
            break
        unchained.append(former)
    # What an older keyplan wrote is covered from here on: a later edit of it no longer fits.
    for former in reversed(unchained):
        number += 1
        previous = _hash(former, previous, number)
    number += 1
    return replace(entry, link=ChainLink(number=number, previous=previous, hash=_hash(entry, previous, number)))


def check_chain(entries: Sequence[HistoryEntry], expected: str | None = None) -> ChainCheck:
    """Return what the chain of a history proves; the entries come newest first, as a ledger returns them."""
    oldest = tuple(reversed(entries))
    hashes = tuple(_compute_hashes(oldest))
    at = hashes.index(expected) if expected in hashes else None
    return ChainCheck(
        entries=len(oldest),
        unprotected=sum(not entry.is_protected for entry in oldest),
        head=hashes[-1] if hashes else "",
        faults=tuple(_find_faults(oldest)),
        expected=expected,
        newer=None if at is None else len(hashes) - 1 - at,
    )


def _compute_hashes(oldest: Iterable[HistoryEntry]) -> Iterator[str]:
    """Yield the hash of each entry, from what they say alone: no stored hash is believed."""
    previous = ""
    for number, entry in enumerate(oldest, start=1):
        previous = _hash(entry, previous, number)
        yield previous


def _find_faults(oldest: Iterable[HistoryEntry]) -> Iterator[ChainFault]:
    previous, number = "", 0
    for place, entry in enumerate(oldest, start=1):
        number += 1
        link = entry.link
        if link is None:
            previous = _hash(entry, previous, number)
            continue
        if (link.previous, link.number) != (previous, number):
            yield ChainFault(number=place, kind=ChainFaultKind.ORDER)
        if link.hash != _hash(entry, link.previous, link.number):
            yield ChainFault(number=place, kind=ChainFaultKind.CONTENT)
        # From the stored link on, so that one fault is not shown again at every later entry.
        previous, number = link.hash, link.number


def _hash(entry: HistoryEntry, previous: str, number: int) -> str:
    content = json.dumps([_SCHEME, previous, number, entry.to_content()], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode("ascii")).hexdigest()
