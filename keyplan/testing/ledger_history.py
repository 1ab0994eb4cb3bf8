"""What every ledger must do with the history of applies: the part of `LedgerContract` about its chain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from keyplan.plugin import (
    Address,
    AppliedAction,
    Author,
    HistoryEntry,
    KeyId,
    LeaseLostError,
    Ledger,
    LedgerReader,
    chain_entry,
    check_chain,
)
from keyplan.testing.samples import make_history_entry, make_holder

AT_ONCE = timedelta(0)
WITH_ACTIONS: Mapping[str, Any] = {
    "author": Author(name="ada", source="github"),
    "host": "build-7",
    "command": "keyplan apply",
    "actions": (
        AppliedAction(address=Address("user/ci"), verb="create", reason="absent", status="done", key_id=KeyId("key-1")),
        AppliedAction(address=Address("user/old"), verb="delete", reason="undeclared", status="failed"),
    ),
}
"""What an apply of today adds to the entries of older keyplans."""


class HistoryContract(ABC):
    """Tests of the history; `LedgerContract` has them."""

    @abstractmethod
    def open(self) -> Ledger:
        """Return a ledger on the same storage each time in a test."""

    @abstractmethod
    def open_reader(self) -> LedgerReader:
        """Return a reader of the same storage."""

    def test_history_is_told_newest_first(self, ledger: Ledger) -> None:
        """`keyplan ledger history` prints it in that order."""
        ledger.remember(make_history_entry("sha256:1"))
        ledger.remember(make_history_entry("sha256:2"))
        assert [entry.digest for entry in self.open_reader().history()] == ["sha256:2", "sha256:1"]
        assert self.open_reader().history()[1] == make_history_entry("sha256:1")

    def test_a_command_without_a_plan_is_chained_like_an_apply(self, ledger: Ledger) -> None:
        """`keyplan import`, `ledger unlock` and `ledger rebuild` have no plan, and so an empty digest."""
        ledger.remember(make_history_entry("sha256:1"))
        head = _find_hash(self.open().remember(make_history_entry("", command="ledger unlock 5f3a", added=0)))
        entries = self.open_reader().history()
        assert [(entry.digest, entry.command) for entry in entries] == [("", "ledger unlock 5f3a"), ("sha256:1", "")]
        assert check_chain(entries, head).is_whole

    def test_each_apply_is_chained_to_the_one_before(self, ledger: Ledger) -> None:
        """A head that is kept elsewhere proves the whole history, with all that each entry says."""
        entries = [make_history_entry(f"sha256:{number}", **WITH_ACTIONS) for number in range(4)]
        heads = [_find_hash(one.remember(entry)) for one, entry in zip((ledger, self.open()) * 2, entries, strict=True)]
        reader = self.open_reader()
        assert list(reader.history()) == entries[::-1]
        for newer, head in enumerate(reversed(heads)):
            found = check_chain(reader.history(), head)
            assert (found.is_whole, found.newer, found.unprotected) == (True, newer, 0)
        assert reader.recall().head == heads[-1]

    def test_applies_that_end_at_the_same_time_make_one_chain(self, ledger: Ledger) -> None:
        """Two entries that were chained to the same one would look like an edit later."""
        others = [ledger, *(self.open() for _ in range(3))]
        with ThreadPoolExecutor(4) as pool:
            heads = list(pool.map(lambda one: _find_hash(one.remember(make_history_entry())), others))
        found = check_chain(self.open_reader().history())
        assert (found.entries, found.faults) == (4, ())
        assert found.head in heads

    def test_an_entry_that_was_not_written_leaves_the_chain_whole(self, ledger: Ledger) -> None:
        """A run that lost its lock adds nothing, and the next one goes on from what is there."""
        ledger.remember(make_history_entry("sha256:1"))
        with ledger.lock(make_holder("lock-1"), patience=AT_ONCE):
            self.open().unlock("lock-1")
            with pytest.raises(LeaseLostError):
                ledger.remember(make_history_entry("sha256:2"))
        head = _find_hash(self.open().remember(make_history_entry("sha256:3")))
        found = check_chain(self.open_reader().history(), head)
        assert (found.is_whole, found.entries) == (True, 2)

    def test_a_copied_entry_keeps_its_place_in_the_chain(self, ledger: Ledger) -> None:
        """`keyplan ledger copy`: a head of the old ledger holds for the new one."""
        first = chain_entry(make_history_entry("sha256:1", **WITH_ACTIONS), ())
        second = chain_entry(make_history_entry("sha256:2", **WITH_ACTIONS), (first,))
        for entry in (first, second):
            ledger.remember(entry)
        assert [entry.link for entry in self.open_reader().history()] == [second.link, first.link]
        assert check_chain(self.open_reader().history(), _find_hash(second)).is_whole


def _find_hash(stored: HistoryEntry | None) -> str:
    """Return the hash of an entry as a ledger stored it."""
    assert stored is not None
    assert stored.link is not None
    return stored.link.hash
