"""`keyplan import`."""

from __future__ import annotations

import pytest
from cli.shell import MANIFEST, Shell
from simulator import BLIND, Fault, KeyRecord, World

pytestmark = pytest.mark.usefixtures("manifest")


@pytest.fixture
def by_hand(shell: Shell) -> KeyRecord:
    """Let somebody make a key and put it where it belongs."""
    record = shell.world.provider.person_creates("ci")
    shell.world.sinks["local"].person_writes("user/ci", record.raw)
    return record


def test_it_takes_over_and_touches_nothing_else(shell: Shell, by_hand: KeyRecord) -> None:
    done = shell("import", "user/ci", by_hand.id)
    first, *others = done.out.splitlines()
    assert (done.status, first, len(others)) == (0, "Key key-0001 is that of user/ci from now on.", 1)
    assert list(shell.world.provider.records.values()) == [by_hand]
    assert shell.world.sinks["local"].values() == {"user/ci": by_hand.raw}


def test_the_line_that_says_the_same_in_the_manifest_is_printed(shell: Shell, by_hand: KeyRecord) -> None:
    line = (
        "Add this line to the declaration of user/ci, so that it also holds without the ledger:\n  import: key-0001\n"
    )
    assert [shell("import", "user/ci", by_hand.id).err for _ in range(2)] == [line, line]


def test_no_line_is_printed_that_the_manifest_has(shell: Shell, by_hand: KeyRecord) -> None:
    shell.write(MANIFEST.replace("{name: ci,", f"{{name: ci, import: {by_hand.id},"))
    done = shell("import", "user/ci", by_hand.id)
    assert (done.status, done.err) == (0, "")


def test_the_next_plan_keeps_it(shell: Shell, by_hand: KeyRecord) -> None:
    shell("import", "user/ci", by_hand.id)
    assert shell("plan", "--target", "user/ci").out.endswith("No changes. Your keys match the manifest.\n")


def test_with_the_ledger_gone_a_plan_asks_for_the_line_that_declares_it(shell: Shell, by_hand: KeyRecord) -> None:
    shell("import", "user/ci", by_hand.id)
    shell.world.ledger.lose()
    done = shell("plan", "--target", "user/ci")
    assert done.status == 4
    assert f"`import: {by_hand.id}`" in done.out


def test_a_rotation_that_is_due_is_planned(shell: Shell, by_hand: KeyRecord) -> None:
    shell("import", "user/ci", by_hand.id)
    shell.write(MANIFEST.replace("{name: ci,", "{name: ci, rotation: {generation: 2},"))
    assert "replace  user/ci  (requested)" in shell("plan").out


def test_a_second_import_of_the_same_does_nothing(shell: Shell, by_hand: KeyRecord) -> None:
    shell("import", "user/ci", by_hand.id)
    receipts = dict(shell.world.ledger.receipts)
    done = shell("import", "user/ci", by_hand.id)
    assert (done.status, done.out) == (0, "Key key-0001 is that of user/ci already; nothing was done.\n")
    assert shell.world.ledger.receipts == receipts


def test_what_differs_is_told(shell: Shell, by_hand: KeyRecord) -> None:
    shell.write(MANIFEST.replace("{name: ci,", "{name: ci, description: new, expires_in: 90d,"))
    done = shell("import", "user/ci", by_hand.id)
    assert (
        "  differs      description and expires_at: the next apply makes a new key for that; see keyplan plan\n"
        in done.out
    )


def test_what_waits_for_the_next_rotation_is_told(shell: Shell, by_hand: KeyRecord) -> None:
    shell.write(MANIFEST.replace("{name: ci,", "{name: ci, description: new,"))
    done = shell("import", "user/ci", by_hand.id)
    assert "  differs      description: the next rotation makes a new key for that; see keyplan plan\n" in done.out


def test_what_cannot_be_checked_is_told(shell: Shell) -> None:
    shell.world = World(sinks={"local": BLIND})
    shell.wiring.world = shell.world
    record = shell.world.provider.person_creates("ci")
    shell.world.sinks["local"].person_writes("user/ci", record.raw)
    done = shell("import", "user/ci", record.id)
    assert done.out.splitlines()[1:-1] == [
        "  not checked  local:user/ci cannot be read; that it holds the key is taken on trust"
    ]


def test_another_value_in_the_sink_is_4(shell: Shell, by_hand: KeyRecord) -> None:
    shell.world.sinks["local"].person_writes("user/ci", "ak-something-else")
    done = shell("import", "user/ci", by_hand.id)
    assert (done.status, shell.world.ledger.receipts) == (4, {})
    assert "local:user/ci holds another value than the raw key of key-0001" in done.err
    assert "ak-something-else" not in done.out + done.err


def test_a_value_that_fits_its_form_and_does_not_authenticate_is_4(shell: Shell, by_hand: KeyRecord) -> None:
    head, _, tail = by_hand.redacted.partition("...")
    stale = f"{head}an-older-raw-key-of-it{tail}"
    shell.world.sinks["local"].person_writes("user/ci", stale)
    done = shell("import", "user/ci", by_hand.id)
    assert (done.status, shell.world.ledger.receipts) == (4, {})
    assert "local:user/ci: the value there does not authenticate" in done.err
    assert "put the key's current raw key there" in done.err
    assert stale not in done.out + done.err


def test_a_dead_key_is_4(shell: Shell, by_hand: KeyRecord) -> None:
    shell.world.provider.person_deletes(by_hand.id)
    done = shell("import", "user/ci", by_hand.id)
    assert (done.status, done.err) == (4, "error: key key-0001 is dead: it was ended\n")


def test_an_unknown_key_is_3(shell: Shell) -> None:
    done = shell("import", "user/ci", "key-9999")
    assert done.status == 3
    assert "no key that this credential can see has the id 'key-9999'" in done.err


def test_an_unknown_address_is_3_before_anything_is_asked(shell: Shell, by_hand: KeyRecord) -> None:
    done = shell("import", "user/co", by_hand.id)
    assert done.err == "error: no declaration has the address 'user/co'\n  hint: did you mean 'user/ci'?\n"
    assert (done.status, shell.wiring.settings) == (3, None)


def test_the_lock_is_held_meanwhile(shell: Shell, by_hand: KeyRecord) -> None:
    shell.world.effects.inject(Fault.ERROR, "ledger.lock")
    assert shell("import", "user/ci", by_hand.id).status == 7
    assert shell.world.ledger.receipts == {}
