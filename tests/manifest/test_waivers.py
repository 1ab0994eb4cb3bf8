"""Which waivers a manifest holds, and what is wrong with those that it cannot hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from keyplan.model.manifest import Manifest, Waiver
from keyplan.model.place import Place

Read = Callable[[str], Manifest]
Find = Callable[[str], tuple[str, ...]]

HEAD = "version: 1\nowner: ml\nkeys: []\n"
SOUND = {"address": "user/ci", "owner": "ada", "reason": "known", "until": "2027-01-31"}


def write(**changes: str | None) -> str:
    """Return a manifest with one waiver from line 5 on, a field in a line; one that is None is left out."""
    fields = [f"{name}: {value}" for name, value in {**SOUND, **changes}.items() if value is not None]
    return f"{HEAD}waivers:\n  - " + "\n    ".join(fields) + "\n"


def test_a_manifest_has_no_waivers_unless_it_says_so(read_text: Read) -> None:
    assert read_text(HEAD).waivers == ()
    assert read_text(f"{HEAD}waivers: []\n").waivers == ()


def test_every_field_of_a_waiver_is_read(read_text: Read) -> None:
    (waiver,) = read_text(write(causes="[gone, expired, gone]")).waivers
    assert waiver == Waiver(
        address="user/ci",
        causes=("gone", "expired"),
        owner="ada",
        reason="known",
        until=datetime(2027, 1, 31, tzinfo=UTC),
        place=Place("keys.yaml", 5, 5),
    )
    assert (waiver.place, waiver.subject) == (Place("keys.yaml", 5, 5), "user/ci")


def test_a_waiver_may_be_about_a_key(read_text: Read) -> None:
    (waiver,) = read_text(write(address=None, key='"QXBpS2V5OjE="')).waivers
    assert (waiver.address, waiver.key_id, waiver.subject) == (None, "QXBpS2V5OjE=", "QXBpS2V5OjE=")


def test_waivers_keep_their_order(read_text: Read) -> None:
    second = "  - {address: 'service/*', owner: bob, reason: known, until: 2027-02-28}\n"
    assert [waiver.owner for waiver in read_text(write() + second).waivers] == ["ada", "bob"]


@pytest.mark.parametrize(
    ("until", "instant"),
    [
        pytest.param("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC), id="a day begins at midnight in UTC"),
        pytest.param("2027-01-31T18:00:00+01:00", datetime(2027, 1, 31, 17, tzinfo=UTC), id="a time with an offset"),
        pytest.param("1999-12-31", datetime(1999, 12, 31, tzinfo=UTC), id="one that is over is no mistake"),
    ],
)
def test_a_waiver_ends_with_a_day_or_a_time(read_text: Read, until: str, instant: datetime) -> None:
    (waiver,) = read_text(write(until=until)).waivers
    assert waiver.until == instant


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        pytest.param(write(owner=None), ["5:5: field 'owner' is missing"], id="nobody accepts it"),
        pytest.param(write(reason=None), ["5:5: field 'reason' is missing"], id="no reason"),
        pytest.param(write(until=None), ["5:5: field 'until' is missing"], id="for ever"),
        pytest.param(
            write(reason='""'),
            ["7:13: field 'reason' must be text on one line, without a blank at either end, not ''"],
            id="an empty reason",
        ),
        pytest.param(
            write(reason='" x"'),
            ["7:13: field 'reason' must be text on one line, without a blank at either end, not ' x'"],
            id="blanks",
        ),
        pytest.param(write(address=None), ["5:5: field 'address' or 'key' is missing"], id="about nothing"),
        pytest.param(
            write(key="x"), ["9:5: fields 'address' and 'key' exclude each other; keep one"], id="about two things"
        ),
        pytest.param(
            write(address=None, adress="user/ci"),
            ["8:5: field 'adress' is unknown; did you mean 'address'?"],
            id="a slip is told once",
        ),
        pytest.param(
            write(causes="[gon]"),
            [
                (
                    "9:14: an item of 'causes' must be one of 'absent', 'altered', 'changed', 'claimed', "
                    "'declared_in_past', 'due', 'duplicate', 'expired', 'expires_soon', 'foreign', 'gone', 'imported', "
                    "'left', 'moved', 'policy', 'receipt_not_believed', 'requested', 'rotated_elsewhere', 'sink_lost', "
                    "'stray', 'superseded', 'transferred', 'undeclared', 'undelivered', 'unfinished', "
                    "'unknown_creator', 'unmanaged', 'unproven', 'unseen', 'waiting', not 'gon'; did you mean 'gone'?"
                )
            ],
            id="an unknown cause",
        ),
        pytest.param(write(causes="[]"), ["9:13: field 'causes' must not be empty"], id="no cause"),
        pytest.param(
            write(until="soon"),
            ["8:12: field 'until' must be a day such as 2027-01-31, or a time with an offset"],
            id="no day",
        ),
        pytest.param(write(until="2027-02-30"), ["8:12: field 'until' is not a real day"], id="no real day"),
        pytest.param(
            write(until="2027-01-31T18:00:00"),
            ["8:12: field 'until' has no offset; add Z for UTC, or one such as +02:00"],
            id="no offset",
        ),
        pytest.param(write(until="2027"), ["8:12: field 'until' must be text, not a number"], id="a number"),
        pytest.param(
            write(owner=None, address=None, until="soon"),
            [
                "5:5: field 'address' or 'key' is missing",
                "5:5: field 'owner' is missing",
                "6:12: field 'until' must be a day such as 2027-01-31, or a time with an offset",
            ],
            id="all at once",
        ),
        pytest.param(f"{HEAD}waivers: {{}}\n", ["4:10: field 'waivers' must be a list, not a mapping"], id="no list"),
        pytest.param(
            f"{HEAD}waivers: [user/ci]\n",
            ["4:11: an item of 'waivers' must be a mapping, not text"],
            id="an item that is not a mapping",
        ),
    ],
)
def test_each_mistake_is_told_at_its_place(find_problems: Find, text: str, problems: list[str]) -> None:
    assert list(find_problems(text)) == problems


def test_a_reader_credential_is_checked_like_the_other(find_problems: Find) -> None:
    text = f"{HEAD}provider:\n  reader_credential: {{evn: X}}\n"
    assert find_problems(text) == ("5:23: field 'evn' is unknown; did you mean 'env'?",)
