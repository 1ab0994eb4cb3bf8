"""Entries of a machine's secret store, two for each key: the store of the sink `keyring`.

Entries are set one after the other, so that no note speaks of a value that is not there. Every call has a time limit:
a store may ask a user who is not there.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from functools import partial
from typing import TypeVar

from keyplan.errors import KeyplanError, SinkUnavailableError
from keyplan.model.observation import Slot
from keyplan.sinks.keyring.backends import Backend
from keyplan.sinks.notes import Entry, read_note, write_note
from keyplan.sinks.value_store import Change, Decide, Loaded, Presence

T = TypeVar("T")

LIMIT = timedelta(seconds=30)
_NOTES_OF = "keyplan-notes/"
"""Before the name of a service: the service of the notes."""


class KeyringEntries:
    """Implements ValueStore. Safe for threads."""

    def __init__(self, find_backend: Callable[[], Backend], *, limit: timedelta = LIMIT) -> None:
        self._find_backend = find_backend
        self._limit = limit
        self._lock = threading.RLock()
        self._backend: Backend | None = None

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        """Return what each slot holds: two look-ups each, which stay on the machine."""
        with self._lock:
            return {slot: self._find(slot) for slot in slots}

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:  # noqa: ARG002 - nothing has to be made
        """Set or remove the entries: the mark, then the value, then the note."""
        with self._lock:
            found = self._find(slot)
            change = decide(found)
            if change is not None:
                self._perform(slot, found, change)

    def _find(self, slot: Slot) -> Loaded:
        service, username = _entry_of(slot)
        value = self._ask(slot, lambda backend: backend.get_password(service, username))
        note = self._ask(slot, lambda backend: backend.get_password(_NOTES_OF + service, username))
        return Loaded(
            presence=Presence.PRESENT if value else Presence.AS_READ,
            content=value.encode() if value else None,
            entry=read_note(note, f"the entry {_NOTES_OF}{slot.location}"),
        )

    def _perform(self, slot: Slot, found: Loaded, change: Change) -> None:
        if change.first is not None:
            self._note(slot, found, change.first)
        service, username = _entry_of(slot)
        if change.content:
            self._ask(slot, partial(_set, service, username, change.content))
        elif change.content is not None and found.presence is Presence.PRESENT:
            self._ask(slot, lambda backend: backend.delete_password(service, username))
        self._note(slot, found, change.entry)

    def _note(self, slot: Slot, found: Loaded, entry: Entry | None) -> None:
        service, username = _entry_of(slot)
        if entry is not None:
            self._ask(slot, partial(_set, _NOTES_OF + service, username, write_note(entry).encode()))
        elif found.entry is not None:
            self._ask(slot, lambda backend: backend.delete_password(_NOTES_OF + service, username))

    def _ask(self, slot: Slot, question: Callable[[Backend], T]) -> T:
        """Return a backend's answer. Raises SinkUnavailableError if it fails or does not come in time."""

        def ask() -> T:
            if self._backend is None:
                self._backend = self._find_backend()
            return question(self._backend)

        return _within(self._limit, ask, slot.location)


def _entry_of(slot: Slot) -> tuple[str, str]:
    return str(slot.options["service"]), str(slot.options["username"])


def _set(service: str, username: str, content: bytes, backend: Backend) -> None:
    backend.set_password(service, username, content.decode())


def _within(limit: timedelta, ask: Callable[[], T], location: str) -> T:
    """Return what a question gives, or leave it alone when the time is over.

    The library has no time limits. Its thread is a daemon, so an open prompt does not keep keyplan from exiting.
    """
    answers: list[T] = []
    failures: list[Exception] = []

    def work() -> None:
        try:
            answers.append(ask())
        except _troubles() as error:
            failures.append(error)

    thread = threading.Thread(target=work, name="keyring", daemon=True)
    thread.start()
    thread.join(limit.total_seconds())
    if answers:
        return answers[0]
    if failures and isinstance(failures[0], KeyplanError):
        raise failures[0]
    # From None, and no word of it: a backend may quote what it was given.
    why = type(failures[0]).__name__ if failures else f"no answer within {limit.total_seconds():g} s"
    raise SinkUnavailableError(
        f"{location}: the keyring failed: {why}", advice="see that the keyring is unlocked and asks for nothing"
    ) from None


def _troubles() -> tuple[type[Exception], ...]:
    """Return what may be raised: our own errors, the library's, and those of D-Bus that it lets pass."""
    found: list[type[Exception]] = [KeyplanError, OSError, RuntimeError, ValueError]
    for module, name in (
        ("keyring.errors", "KeyringError"),
        ("secretstorage.exceptions", "SecretStorageException"),
        ("jeepney", "DBusErrorResponse"),
    ):
        if module in sys.modules:
            found.append(getattr(importlib.import_module(module), name))
    return tuple(found)
