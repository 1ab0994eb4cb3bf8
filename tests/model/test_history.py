"""A head that was kept elsewhere: whatever is done to the entries up to it is noticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import make_history_entry

from keyplan.model.history import (
    AppliedAction,
    Author,
    ChainFault,
    ChainFaultKind,
    HistoryEntry,
    chain_entry,
    check_chain,
)
from keyplan.model.identity import Address

ADA = Author(name="ada", source="git")
Stored = list[dict[str, Any]]


def make_history(length: int, *, unchained: int = 0) -> list[HistoryEntry]:
    """Return a history, oldest first; its first entries are of a keyplan without a chain."""
    entries: list[HistoryEntry] = []
    for number in range(length):
        if number < unchained:
            entries.append(make_history_entry(f"digest-{number}"))
            continue
        action = AppliedAction(address=Address(f"user/{number % 3}"), verb="create", reason="absent", status="done")
        entry = make_history_entry(f"digest-{number}", author=ADA, actions=(action,), added=number)
        entries.append(chain_entry(entry, reversed(entries)))
    return entries


def head_of(entries: list[HistoryEntry]) -> str:
    """Return the head that the last apply printed."""
    link = entries[-1].link
    assert link is not None
    return link.hash


def store(entries: list[HistoryEntry]) -> Stored:
    """Return the documents of a ledger."""
    return [json.loads(json.dumps(entry.to_dict())) for entry in entries]


def read(documents: Stored) -> list[HistoryEntry]:
    """Return what a ledger reads from its documents, newest first."""
    return [HistoryEntry.from_dict(values) for values in reversed(documents)]


def chain_again(documents: Stored) -> Stored:
    """Return the documents as someone leaves them who knows how hashes are computed."""
    entries: list[HistoryEntry] = []
    for entry in reversed(read(documents)):
        entries.append(chain_entry(replace(entry, link=None), reversed(entries)))
    return store(entries)


# what may be done to a ledger


def edit(documents: Stored, draw: Callable[[Any], Any]) -> Stored:
    """Change one text or number of one entry."""
    target = documents[draw(st.integers(0, len(documents) - 1))]
    numbers = ("added", "changed", "destroyed", "failed")
    name = draw(st.sampled_from(("digest", "started_at", "finished_at", *numbers)))
    if name in numbers:
        target[name] += draw(st.integers(1, 9))
    elif name == "digest":
        target[name] += draw(st.text(min_size=1, max_size=3))
    else:
        target[name] = draw(st.sampled_from(["2001-01-01T00:00:00+00:00", "2026-11-23T07:31:00.000001+00:00"]))
    return documents


def edit_what_was_done(documents: Stored, draw: Callable[[Any], Any]) -> Stored:
    """Say that another did it, or that something else was done."""
    target = documents[-1 - draw(st.integers(0, len(documents) // 2))]
    if draw(st.booleans()) or not target.get("actions"):
        target["author"] = {"name": draw(st.text(max_size=5).filter("ada".__ne__)), "source": "git"}
    else:
        name = draw(st.sampled_from(("address", "verb", "reason", "status", "key_id")))
        target["actions"][0][name] = f"other-{draw(st.text(max_size=3))}"
    return documents


def remove(documents: Stored, draw: Callable[[Any], Any]) -> Stored:
    """Remove any entry."""
    del documents[draw(st.integers(0, len(documents) - 1))]
    return documents


def swap(documents: Stored, draw: Callable[[Any], Any]) -> Stored:
    """Swap two entries."""
    first = draw(st.integers(0, len(documents) - 2))
    second = draw(st.integers(first + 1, len(documents) - 1))
    documents[first], documents[second] = documents[second], documents[first]
    return documents


def truncate(documents: Stored, draw: Callable[[Any], Any]) -> Stored:
    """Cut entries off, at either end."""
    count = draw(st.integers(1, len(documents)))
    return documents[count:] if draw(st.booleans()) else documents[:-count]


def repeat(documents: Stored, draw: Callable[[Any], Any]) -> Stored:
    """Add an entry once more, in front of others."""
    at = draw(st.integers(0, len(documents) - 1))
    return [*documents[:at], documents[draw(st.integers(0, len(documents) - 1))], *documents[at:]]


def strip(documents: Stored, draw: Callable[[Any], Any]) -> Stored:
    """Make the first entries look like those of an older keyplan, and change one."""
    count = draw(st.integers(1, len(documents)))
    for values in documents[:count]:
        values.pop("link", None)
        values.pop("author", None)
    documents[0]["added"] += 1
    return documents


TAMPERING = (edit, edit_what_was_done, remove, swap, truncate, repeat, strip)


@settings(max_examples=500)
@given(data=st.data(), length=st.integers(2, 7), unchained=st.integers(0, 3))
def test_with_the_head_nothing_is_changed_unnoticed(data: st.DataObject, length: int, unchained: int) -> None:
    entries = make_history(length, unchained=min(unchained, length - 1))
    head, before = head_of(entries), store(entries)
    documents = store(entries)
    for one in data.draw(st.lists(st.sampled_from(TAMPERING), min_size=1, max_size=3)):
        if len(documents) > 1:
            documents = one(documents, data.draw)
    if data.draw(st.booleans(), label="hashes are computed again"):
        documents = chain_again(documents)
    # What was added after the head is newer than it, and several steps may undo each other.
    left = [entry.to_content() for entry in reversed(read(documents))][:length]
    if left != [entry.to_content() for entry in reversed(read(before))]:
        assert not check_chain(read(documents), head).is_whole


@given(data=st.data(), length=st.integers(2, 7))
def test_without_a_head_what_is_changed_by_hand_is_noticed_unless_it_is_cut_off_at_the_end(
    data: st.DataObject, length: int
) -> None:
    documents = store(make_history(length))
    changed = data.draw(st.sampled_from((edit, edit_what_was_done, swap)))(documents, data.draw)
    assert check_chain(read(changed)).faults


def test_a_history_is_whole_with_every_head_that_was_printed() -> None:
    entries = make_history(5)
    for number in range(1, 6):
        found = check_chain(entries[::-1], head_of(entries[:number]))
        assert (found.is_whole, found.newer, found.head) == (True, 5 - number, head_of(entries))


def test_an_empty_history_has_no_head_and_holds_none() -> None:
    assert check_chain(()).is_whole
    assert check_chain(()).head == ""
    assert not check_chain((), "0" * 64).is_whole


def test_what_was_cut_off_at_the_end_is_noticed_with_a_head_alone() -> None:
    entries = make_history(4)
    assert check_chain(entries[1::-1]).is_whole
    assert not check_chain(entries[1::-1], head_of(entries)).is_whole


@pytest.mark.parametrize("unchained", [1, 3])
def test_entries_of_an_older_keyplan_are_covered_from_the_next_entry_on(unchained: int) -> None:
    entries = make_history(5, unchained=unchained)
    assert check_chain(entries[::-1]).unprotected == unchained
    entries[0] = replace(entries[0], added=77)
    assert check_chain(entries[::-1]).faults == (ChainFault(number=unchained + 1, kind=ChainFaultKind.ORDER),)


def test_an_older_keyplan_in_between_breaks_nothing() -> None:
    entries = make_history(2)
    entries.append(make_history_entry("of an older one"))
    entries.append(chain_entry(make_history_entry("new", author=ADA), reversed(entries)))
    found = check_chain(entries[::-1], head_of(entries))
    assert (found.is_whole, found.unprotected) == (True, 1)


def test_one_fault_is_shown_at_one_entry() -> None:
    entries = make_history(5)
    entries[1] = replace(entries[1], added=77)
    assert check_chain(entries[::-1]).faults == (ChainFault(number=2, kind=ChainFaultKind.CONTENT),)
    del entries[1]
    assert check_chain(entries[::-1]).faults == (ChainFault(number=2, kind=ChainFaultKind.ORDER),)


def test_what_a_newer_keyplan_writes_is_part_of_the_hash() -> None:
    values = {**make_history(1)[0].to_dict(), "ticket": "OPS-1"}
    entry = chain_entry(replace(HistoryEntry.from_dict(values), link=None), ())
    assert check_chain(read(store([entry]))).is_whole
    assert check_chain(read([{**entry.to_dict(), "ticket": "OPS-2"}])).faults


def test_an_entry_comes_back_from_its_document_as_it_was() -> None:
    for entry in make_history(3, unchained=1):
        assert HistoryEntry.from_dict(json.loads(json.dumps(entry.to_dict()))) == entry


def test_an_entry_names_the_addresses_that_it_changed() -> None:
    (entry,) = make_history(1)
    assert entry.concerns(Address("user/0"))
    assert not entry.concerns(Address("user/1"))
