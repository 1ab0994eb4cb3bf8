"""`keyplan leak`, on a simulated world: what it refuses, what it never shows, and what keys of one form prove."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cli.shell import Shell

from keyplan.model.leaked_text import MOST_BYTES

SECRET = "ak-verysecret0000000000000000000000000000000000000000"


@pytest.fixture
def applied(shell: Shell) -> Shell:
    """Return a shell in which the usual manifest is applied."""
    shell.write()
    shell("apply", "--auto-approve")
    return shell


def test_what_goes_with_contain_is_refused_without_it(applied: Shell) -> None:
    assert applied("leak", "--auto-approve").status == 64
    assert applied("leak", "--revoke", "key-1").status == 64


@pytest.mark.parametrize(
    "text", [SECRET.encode() * (MOST_BYTES // len(SECRET) + 1), SECRET.encode(), b"\xff\xfe\x00", b""]
)
@pytest.mark.parametrize("options", [(), ("--contain", "--auto-approve"), ("--format", "json")])
def test_no_text_is_shown_whatever_becomes_of_it(applied: Shell, text: bytes, options: tuple[str, ...]) -> None:
    done = applied("leak", *options, stdin=text)
    assert done.status in (0, 3)
    assert SECRET[:9] not in done.out + done.err


def test_a_key_that_does_not_stand_in_the_text_is_not_revoked(applied: Shell) -> None:
    done = applied("leak", "--contain", "--auto-approve", "--revoke", "key-0001", stdin=b"nothing")
    assert (done.status, "does not stand in the text" in done.err) == (3, True)


def test_of_two_keys_with_one_form_the_fingerprint_tells_which(applied: Shell) -> None:
    provider, raws = applied.world.provider, applied.world.sinks["local"].values()
    by_hand = provider.person_creates("by-hand")
    ours = next(record for record in provider.live() if record.name == "ci")
    twin = f"{ours.raw[:-4]}{'0' if ours.raw[-4] != '0' else '1'}{ours.raw[-3:]}"
    provider.records[by_hand.id] = replace(by_hand, raw=twin)
    found = json.loads(applied("leak", "--format", "json", stdin=raws["user/ci"].encode()).out)
    assert [(one["key_id"], one["proof"]) for one in found["keys"]] == [(ours.id, "fingerprint")]
    found = json.loads(applied("leak", "--format", "json", stdin=twin.encode()).out)
    assert {(one["proof"], one["is_proven"]) for one in found["keys"]} == {("form", False)}
    before = provider.working()
    assert applied("leak", "--contain", "--auto-approve", stdin=twin.encode()).status == 4
    assert provider.working() == before
