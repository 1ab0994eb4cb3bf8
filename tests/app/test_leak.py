"""A leak among several providers: each raw key is presented to the provider whose keys it fits, and to no other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from simulator import Fault
from two_providers import ARIZE, SECOND_URL, ZENML, PairShell, make_applied

from keyplan.app.leak import find_leak, look_everywhere
from keyplan.errors import ProviderDeniedError
from keyplan.model.identity import KeyId
from keyplan.model.leak import LeakProof
from keyplan.simulated.records import KeyRecord


def leak(shell: PairShell, *raws: str, status: int = 2, contain: bool = False) -> dict[str, tuple[str, str | None]]:
    """Return the proof and the address of each key that is found in a text with these raw keys."""
    options = ("--contain", "--auto-approve") if contain else ()
    done = shell("leak", "--format", "json", *options, stdin="\n".join(f"KEY={raw}" for raw in raws).encode())
    assert done.status == status, done.out + done.err
    return {one["key_id"]: (one["proof"], one["address"]) for one in json.loads(done.out)["keys"]}


def make_by_hand(shell: PairShell) -> tuple[KeyRecord, KeyRecord]:
    """Return a key of each provider that keyplan has never delivered."""
    first, second = shell.first.person_creates("by hand"), shell.second.person_creates("by hand")
    shell.first.shown.clear()
    shell.second.shown.clear()
    return first, second


def test_each_raw_key_is_presented_to_the_provider_whose_key_it_fits_and_to_no_other(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE)
    first, second = make_by_hand(shell)
    assert leak(shell, first.raw, second.raw) == {
        first.id: ("authenticated", None),
        f"zen:{second.id}": ("authenticated", None),
    }
    assert (shell.first.shown, shell.second.shown) == ([first.raw], [second.raw])


@pytest.mark.parametrize("text", [ARIZE, ZENML], ids=["arize", "zenml"])
def test_a_raw_key_that_fits_no_key_of_a_provider_is_not_presented_there(tmp_path: Path, text: str) -> None:
    shell = make_applied(tmp_path, text)
    _, second = make_by_hand(shell)
    stranger = f"ak-oth{'7' * 47}"
    leak(shell, second.raw, stranger, status=2 if text == ARIZE else 0)
    assert shell.first.shown == []


def test_what_the_ledger_knows_as_the_key_of_one_is_shown_to_none(tmp_path: Path) -> None:
    # The keys of both have one redacted form.
    shell = make_applied(tmp_path, ARIZE, serial=1000)
    (first,), (second,) = shell.first.live(), shell.second.live()
    assert first.redacted == second.redacted
    shell.first.shown.clear()
    shell.second.shown.clear()
    assert leak(shell, second.raw) == {f"zen:{second.id}": ("fingerprint", "zen:user/ci")}
    assert shell.first.shown == []
    shell.second.shown.clear()
    assert leak(shell, first.raw) == {first.id: ("fingerprint", "user/ci")}
    assert shell.second.shown == []


def test_a_key_without_a_redacted_form_is_known_by_its_fingerprint_before_another_provider_is_asked(
    tmp_path: Path,
) -> None:
    # ZenML shows no redacted forms, so that only keys of the other provider can have the form of its raw key.
    shell = make_applied(tmp_path, ZENML, serial=1000)
    (first,), (second,) = shell.first.live(), shell.second.live()
    assert first.redacted == second.redacted
    shell.first.shown.clear()
    assert leak(shell, second.raw) == {f"zen:{second.id}": ("fingerprint", "zen:service/staging/nightly")}
    assert shell.first.shown == []


def test_if_the_keys_of_both_have_the_form_each_is_asked_until_one_knows_it(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE, serial=1000)
    (first,), (second,) = shell.first.live(), shell.second.live()
    # Only raw keys that nothing records can be ambiguous.
    by_hand = replace(first, id=KeyId("by-hand"), description="", raw=f"{first.raw[:-4]}7{first.raw[-3:]}")
    shell.first.records[by_hand.id] = by_hand
    shell.first.person_deletes(first.id)
    shell.first.shown.clear()
    shell.second.shown.clear()
    assert leak(shell, by_hand.raw) == {by_hand.id: ("authenticated", None)}
    # The first one knew it.
    assert (shell.first.shown, shell.second.shown) == ([by_hand.raw], [])
    unknown = f"{first.raw[:-4]}8{first.raw[-3:]}"
    assert set(leak(shell, unknown).values()) == {("form", None)}
    assert (shell.first.shown[1:], shell.second.shown) == ([unknown], [unknown])
    assert second.redacted == first.redacted


@pytest.mark.parametrize("is_down", [False, True], ids=["known", "no answer"])
def test_no_piece_of_a_raw_key_is_shown_to_another_provider(tmp_path: Path, is_down: bool) -> None:
    shell = make_applied(tmp_path, ARIZE)
    first, second = make_by_hand(shell)
    # Up to its 44th character the raw key has the redacted form of a key of the other provider.
    piece = f"ak-sim{'3' * 35}{first.raw[-3:]}"
    shell.second.records[second.id] = replace(second, raw=f"{piece}999777")
    if is_down:
        shell.world.effects.inject(Fault.ERROR, "provider.verify", times=-1)
    assert leak(shell, f"{piece}999777") == {f"zen:{second.id}": ("form" if is_down else "authenticated", None)}
    assert (shell.first.shown, shell.second.shown) == ([], [f"{piece}999777"])


def test_a_piece_of_what_another_provider_does_not_know_is_tried_after_it(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE)
    first, second = make_by_hand(shell)
    glued = f"{first.raw}{second.raw[-3:]}"
    assert leak(shell, glued) == {first.id: ("authenticated", None)}
    assert shell.first.shown == [first.raw]


def test_contain_ends_each_key_at_its_own_provider_and_asks_that_one_whether_it_is_dead(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE)
    (first,), (second,) = shell.first.live(), shell.second.live()
    leak(shell, first.raw, second.raw, status=0, contain=True)
    assert not shell.first.accepts(first.raw)
    assert not shell.second.accepts(second.raw)
    assert first.raw not in shell.second.shown
    assert second.raw not in shell.first.shown


def test_a_key_of_a_further_provider_is_revoked_by_its_id(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE)
    first, second = make_by_hand(shell)
    named = ("--revoke", f"zen:{second.id}")
    done = shell("leak", "--contain", "--auto-approve", *named, stdin=f"{first.raw} {second.raw}".encode())
    assert (done.status, f"Dead: key zen:{second.id}" in done.out) == (4, True), done.out + done.err
    assert f"STILL ALIVE: key {first.id}" in done.out
    assert [record.name for record in shell.second.live()] == ["ci"]


def test_a_leak_at_a_provider_that_is_down_names_it(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE)
    shell.second.is_denied = True
    done = shell("leak", stdin=b"nothing")
    assert (done.status, f"provider 'zen' ({SECOND_URL}): 403 Forbidden" in done.err) == (5, True)


def test_the_receiver_of_reports_searches_every_provider(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE)
    first, second = make_by_hand(shell)
    # As `LeakDesk` calls it.
    found = find_leak(shell.context(), look_everywhere(shell.open()), f"{first.raw}\n{second.raw}".encode())
    assert {one.key.id: one.proof for one in found.leak.keys} == {
        first.id: LeakProof.AUTHENTICATED,
        f"zen:{second.id}": LeakProof.AUTHENTICATED,
    }
    shell.second.is_denied = True
    with pytest.raises(ProviderDeniedError, match="provider 'zen'"):
        find_leak(shell.context(), look_everywhere(shell.open()), b"")
