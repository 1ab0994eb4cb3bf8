"""What is said of a key that a scanner reports, and what its fields hold."""

from __future__ import annotations

import pytest
from samples import make_observation

from keyplan.model.identity import Address
from keyplan.model.leak import LeakedKey, LeakProof, LeakStanding
from keyplan.model.leak_report import ReportedLeak, Sighting
from keyplan.renderers.reported_leaks import advise_on_leak, describe_reported_leak, write_reported_leak

PROVEN, POSSIBLE = LeakProof.FINGERPRINT, LeakProof.FORM
CURRENT, OLD, UNDECLARED, FOREIGN, DEAD = LeakStanding


def make_reported(
    proof: LeakProof = PROVEN, standing: LeakStanding = CURRENT, *, address: str = "user/ci", urls: tuple[str, ...] = ()
) -> ReportedLeak:
    """Return a reported key that was seen at these URLs."""
    key = make_observation("key-1")
    leaked = LeakedKey(key=key, proof=proof, standing=standing, address=Address(address) if address else None)
    sightings = tuple(Sighting(secret_type="t", url=url, source="commit") for url in urls)
    return ReportedLeak(leaked=leaked, sightings=sightings)


@pytest.mark.parametrize(
    ("reported", "says"),
    [
        pytest.param(
            make_reported(),
            "reported as leaked (certain): key key-1 (user/ci), the current key of its declaration",
            id="nowhere",
        ),
        pytest.param(
            make_reported(POSSIBLE, OLD, urls=("https://a.test",)),
            "reported as leaked (possible): key key-1 (user/ci), an old key of its declaration, which still works;"
            " seen at https://a.test",
            id="one place",
        ),
        pytest.param(
            make_reported(PROVEN, FOREIGN, address="", urls=("", "https://a.test", "https://b.test\n::error::x")),
            "reported as leaked (certain): key key-1 (ci), not a key of this manifest; seen at https://a.test"
            " and 1 further place",
            id="two places and one that is empty",
        ),
    ],
)
def test_a_line_says_which_key_and_where(reported: ReportedLeak, says: str) -> None:
    assert describe_reported_leak(reported) == says


@pytest.mark.parametrize(
    ("proof", "standing", "says"),
    [
        pytest.param(PROVEN, CURRENT, "keyplan rotate user/ci --now --manifest a.yaml", id="current"),
        pytest.param(PROVEN, OLD, "end it: keyplan revoke key-1 --manifest a.yaml", id="old"),
        pytest.param(PROVEN, UNDECLARED, "end it: keyplan revoke key-1 --manifest a.yaml", id="undeclared"),
        pytest.param(PROVEN, FOREIGN, "end it: keyplan revoke key-1 --manifest a.yaml", id="foreign"),
        pytest.param(POSSIBLE, CURRENT, "look at the place first", id="possible"),
        pytest.param(LeakProof.REDACTED, FOREIGN, "look at the place first", id="a redacted form"),
    ],
)
def test_the_advice_is_what_to_type(proof: LeakProof, standing: LeakStanding, says: str) -> None:
    assert says in advise_on_leak(make_reported(proof, standing), "a.yaml")


def test_nothing_is_to_be_done_about_a_dead_key() -> None:
    assert advise_on_leak(make_reported(PROVEN, DEAD), "a.yaml") == ""


def test_the_fields_are_bounded_and_harmless() -> None:
    urls = tuple(f"https://a.test/{number}\x1b[2J" for number in range(25))
    fields = write_reported_leak(make_reported(urls=(*urls, "x" * 5000)))
    sightings = fields["sightings"]
    assert isinstance(sightings, list)
    assert (len(sightings), fields["left_out"]) == (20, 6)
    assert sightings[0] == {"type": "t", "url": r"https://a.test/0\x1b[2J", "source": "commit"}
    (long,) = write_reported_leak(make_reported(urls=("x" * 5000,)))["sightings"]  # type: ignore[misc,union-attr]  # a list
    assert len(str(long)) < 1100
