"""Who accepts what, and until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from samples import NOW, PLACE

from keyplan.model.drift import Cause, DriftFinding, DriftKind
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import Waiver
from keyplan.model.place import Place
from keyplan.planner.drift import apply_waivers, find_unused_waivers

DAY = timedelta(days=1)
GONE = DriftFinding(
    kind=DriftKind.DRIFT,
    cause=Cause.GONE,
    address=Address("service/production/ingest"),
    name="ingest",
    key_id=KeyId("QXBpS2V5OjE="),
)
STRANGER = DriftFinding(
    kind=DriftKind.UNMANAGED, cause=Cause.UNMANAGED, address=None, name="by hand", key_id=KeyId("QXBpS2V5OjI=")
)
ABSENT = DriftFinding(kind=DriftKind.PENDING, cause=Cause.ABSENT, address=Address("user/[ci]"), name="[ci]")


def make_waiver(**changes: Any) -> Waiver:
    values: dict[str, Any] = {"owner": "ada", "reason": "known", "until": NOW + DAY, "place": PLACE}
    return Waiver(**(values | changes))


@pytest.mark.parametrize(
    ("waiver", "finding", "is_accepted"),
    [
        pytest.param({"address": "service/production/ingest"}, GONE, True, id="its address"),
        pytest.param({"address": "service/*"}, GONE, True, id="a glob of its address"),
        pytest.param({"address": "user/[ci]"}, ABSENT, True, id="its address, whose signs would be a glob"),
        pytest.param({"address": "Service/*"}, GONE, False, id="case matters"),
        pytest.param({"address": "service/production"}, GONE, False, id="a part of its address"),
        pytest.param({"address": "*"}, STRANGER, False, id="what has no address fits no glob of addresses"),
        pytest.param({"key_id": "QXBpS2V5OjI="}, STRANGER, True, id="its key"),
        pytest.param({"key_id": "QXBpS2V5OjE="}, GONE, True, id="its key although it is declared"),
        pytest.param({"key_id": "QXBpS2V5*"}, STRANGER, True, id="a glob of its key"),
        pytest.param({"key_id": "*"}, ABSENT, False, id="what has no key fits no glob of keys"),
        pytest.param({"address": "service/*", "causes": ("expired", "gone")}, GONE, True, id="one of the causes"),
        pytest.param({"address": "service/*", "causes": ("expired",)}, GONE, False, id="none of the causes"),
    ],
)
def test_a_waiver_fits_by_address_or_key_and_by_cause(
    waiver: dict[str, Any], finding: DriftFinding, is_accepted: bool
) -> None:
    accepting = make_waiver(**waiver)
    assert apply_waivers([finding], [accepting], NOW) == (
        replace(finding, waiver=accepting) if is_accepted else finding,
    )
    assert bool(find_unused_waivers([finding], [accepting])) is not is_accepted


@pytest.mark.parametrize(
    ("until", "holds"),
    [
        pytest.param(NOW + timedelta(seconds=1), True, id="a second is left"),
        pytest.param(NOW, False, id="it ends now"),
        pytest.param(NOW - DAY, False, id="it ended yesterday"),
    ],
)
def test_a_waiver_that_ended_makes_its_finding_count_again(until: Any, holds: bool) -> None:
    waiver = make_waiver(address="*", until=until)
    (finding,) = apply_waivers([GONE], [waiver], NOW)
    assert (finding.waiver, finding.lapsed) == ((waiver, None) if holds else (None, waiver))


def test_of_several_waivers_the_one_that_holds_longest_counts() -> None:
    ended, short, long = (make_waiver(address="*", until=NOW + days * DAY) for days in (-1, 1, 2))
    (finding,) = apply_waivers([GONE], [ended, long, short], NOW)
    assert (finding.waiver, finding.lapsed) == (long, None)


def test_of_several_that_ended_the_last_is_named() -> None:
    earlier, later = (make_waiver(address="*", until=NOW - days * DAY) for days in (2, 1))
    (finding,) = apply_waivers([GONE], [earlier, later], NOW)
    assert finding.lapsed == later


def test_a_waiver_that_spells_an_address_accepts_that_one_alone() -> None:
    bracketed, plain = (replace(ABSENT, address=Address(f"user/{name}")) for name in ("ci[1]", "ci1"))
    waiver = make_waiver(address="user/ci[1]")
    known = frozenset({"user/ci[1]", "user/ci1"})
    one, other = apply_waivers([bracketed, plain], [waiver], NOW, known=known)
    assert (one.waiver, other.waiver) == (waiver, None)
    assert len(find_unused_waivers([plain], [waiver], known=known)) == 1


def test_findings_keep_their_order() -> None:
    findings = apply_waivers([STRANGER, GONE, ABSENT], [make_waiver(address="service/*")], NOW)
    assert [finding.name for finding in findings] == ["by hand", "ingest", "[ci]"]


def test_a_waiver_that_fits_nothing_is_named_with_its_place() -> None:
    idle = make_waiver(key_id="QXBpS2V5OjM=", place=Place("keys.yaml", 9, 5))
    ended = make_waiver(address="service/*", until=NOW - DAY)
    assert find_unused_waivers([GONE], [ended, idle]) == (
        "keys.yaml:9:5: the waiver for 'QXBpS2V5OjM=' fits nothing that was found: take it out",
    )
