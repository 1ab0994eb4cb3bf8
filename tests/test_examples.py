"""Every example does what its README says, on a real sandbox over HTTP, in both dialects, while days pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from timelapse import EXAMPLES, Timelapse, playing

pytestmark = pytest.mark.enable_socket

DAYS, HOURS = timedelta(days=1), timedelta(hours=1)
NO_CHANGES = "No changes. Your keys match the manifest.\n"
NAMES = ("ci", "dashboard", "ingest", "partner")


@pytest.fixture(params=["alpha", "beta"])
def api(request: pytest.FixtureRequest) -> str:
    """Return each dialect in turn."""
    return str(request.param)


@pytest.fixture
def start(tmp_path: Path, api: str) -> Iterator[Timelapse]:
    """Return the first example, beside a sandbox."""
    with playing("01-start", tmp_path, api) as timelapse:
        yield timelapse


@pytest.fixture
def rotate(tmp_path: Path, api: str) -> Iterator[Timelapse]:
    """Return the second example, applied once."""
    with playing("02-rotate", tmp_path, api) as timelapse:
        timelapse.apply()
        yield timelapse


@pytest.fixture
def environments(tmp_path: Path, api: str) -> Iterator[Timelapse]:
    """Return the third example, planned and applied as one."""
    with playing("03-environments", tmp_path, api) as timelapse:
        planned = timelapse("plan", "envs/", "--policy", "policy.yaml", "--out", "plan.json")
        assert planned.out.endswith("Plan: 4 to add, 0 to change, 0 to destroy.\n")
        assert timelapse("apply", "plan.json").status == 0
        yield timelapse


def verbs(timelapse: Timelapse) -> dict[str, str]:
    """Return the name and verb of every line of the plan that changes something."""
    lines = [line.split() for line in timelapse("plan").out.splitlines()]
    signs = ("+", "~", "+/-", "-", "!!")
    return {line[2].rpartition("/")[2]: line[1] for line in lines if len(line) > 2 and line[0] in signs}


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("[0-9]*")))
def test_every_example_is_valid_and_explained(example: str, tmp_path: Path) -> None:
    assert (EXAMPLES / example / "README.md").read_text().startswith("# ")
    with playing(example, tmp_path, "beta") as timelapse:
        assert timelapse("validate", ".").status == 0


def test_the_first_apply_makes_and_delivers_what_is_declared(start: Timelapse) -> None:
    assert "Plan: 2 to add, 0 to change, 0 to destroy." in start("plan").out
    start.apply()
    assert all(start.works(start.raw(name)) for name in ("ci", "ingest"))
    assert start("plan").out.endswith(NO_CHANGES)


def test_a_key_that_expires_is_renewed_in_the_last_third_of_its_life(start: Timelapse) -> None:
    start.apply()
    start.pass_time(59 * DAYS)
    assert verbs(start) == {}
    start.pass_time(2 * DAYS)
    assert verbs(start) == {"ingest": "replace"}


def test_nothing_rotates_before_it_is_due(rotate: Timelapse) -> None:
    rotate.pass_time(29 * DAYS)
    assert rotate("plan").out.endswith(NO_CHANGES)


def test_keys_rotate_when_they_are_due_in_the_way_that_the_dialect_allows(rotate: Timelapse, api: str) -> None:
    rotate.pass_time(31 * DAYS)
    assert verbs(rotate) == {"ci": "refresh", "dashboard": "refresh" if api == "beta" else "replace"}
    rotate.apply()
    rotate.pass_time(46 * DAYS)
    assert verbs(rotate)["ingest"] == "replace"


def test_without_overlap_the_old_raw_key_dies_at_the_switch(rotate: Timelapse) -> None:
    old = rotate.raw("ci")
    rotate.pass_time(31 * DAYS)
    rotate.apply()
    assert (rotate.works(old), rotate.works(rotate.raw("ci"))) == (False, True)


@pytest.mark.parametrize(
    ("name", "due", "overlap"), [("dashboard", 31 * DAYS, 12 * HOURS), ("ingest", 77 * DAYS, 2 * DAYS)]
)
def test_during_the_overlap_old_and_new_work_and_after_it_the_new_one_alone(
    rotate: Timelapse, name: str, due: timedelta, overlap: timedelta
) -> None:
    old = rotate.raw(name)
    rotate.pass_time(due)
    rotate.apply()
    assert rotate.raw(name) != old
    rotate.pass_time(overlap - HOURS)
    rotate.apply()
    assert (rotate.works(old), rotate.works(rotate.raw(name))) == (True, True)
    rotate.pass_time(2 * HOURS)
    rotate.apply()
    assert (rotate.works(old), rotate.works(rotate.raw(name))) == (False, True)
    assert rotate("plan").out.endswith(NO_CHANGES)


def test_a_raised_generation_rotates_once(rotate: Timelapse) -> None:
    old = rotate.raw("partner")
    rotate.edit("generation: 1", "generation: 2")
    assert list(verbs(rotate)) == ["partner"]
    rotate.apply()
    new = rotate.raw("partner")
    assert (rotate.works(old), rotate.works(new)) == (True, True)
    assert rotate("plan").out.endswith(NO_CHANGES)
    rotate.pass_time(25 * HOURS)
    rotate.apply()
    assert (rotate.works(old), rotate.raw("partner")) == (False, new)


def test_one_key_is_rotated_on_request_and_the_rest_is_left_alone(rotate: Timelapse) -> None:
    before = {name: rotate.raw(name) for name in NAMES}
    said = rotate("rotate", "user/partner", "--auto-approve")
    assert said.status == 0
    assert "Only user/partner was planned; the rest was not checked." in said.out
    assert [name for name in NAMES if rotate.raw(name) != before[name]] == ["partner"]


def test_the_calendar_foretells_what_then_happens(rotate: Timelapse) -> None:
    lines = [line.split() for line in rotate("calendar", "--days", "31").out.splitlines() if line[2:4] == "20"]
    # Sorted: which of two keys was delivered first is a matter of microseconds.
    assert sorted((line[2], line[1]) for line in lines) == [
        ("user/ci", "rotates"),
        ("user/dashboard", "retires"),
        ("user/dashboard", "rotates"),
    ]


def test_half_a_year_of_runs_leaves_one_working_key_each(rotate: Timelapse) -> None:
    first = {name: rotate.raw(name) for name in NAMES}
    for _ in range(9):
        rotate.pass_time(20 * DAYS)
        rotate.apply()
        assert all(rotate.works(rotate.raw(name)) for name in NAMES)
    assert [name for name in NAMES if rotate.raw(name) == first[name]] == ["partner"]


def test_a_clock_that_is_off_is_told_in_the_plan(rotate: Timelapse) -> None:
    rotate.control("clock", {"advance_seconds": 600})
    assert "Warning: the provider's clock is about 10m ahead of this machine's" in rotate("plan").out


def test_two_environments_are_applied_as_one_and_then_as_declared(environments: Timelapse) -> None:
    assert environments("validate", "envs/", "--policy", "policy.yaml").status == 0
    assert environments("plan", "envs/", "--policy", "policy.yaml").out.endswith(NO_CHANGES)
    said = environments("drift", "envs/", "--policy", "policy.yaml")
    assert (said.status, said.out.splitlines()[-1]) == (0, "No drift. Nothing needs to be done.")
    again = environments("apply", "plan.json")
    assert (again.status, "applied before" in again.err) == (4, True)


def test_a_sink_that_somebody_wrote_into_is_drift_of_that_environment_alone(environments: Timelapse) -> None:
    (environments.folder / "envs" / "prod" / "secrets" / "shop-report.env").write_text("ARIZE_API_KEY=mine\n")
    said = environments("drift", "envs/")
    assert (said.status, said.out.count("! sink_lost")) == (2, 1)
    assert environments("apply", "envs/", "--auto-approve").status == 0
    assert environments("drift", "envs/").status == 0


def test_a_waiver_accepts_the_key_of_the_pipeline_and_without_it_that_key_counts(environments: Timelapse) -> None:
    said = environments("drift", "envs/", "--only", "unmanaged")
    assert (said.status, said.out.count("accepted     by ada until 2099-01-01T00:00:00Z")) == (0, 2)
    prod = environments.folder / "envs" / "prod" / "keys.yaml"
    prod.write_text(re.sub(r"^waivers:\n(?:  .*\n)+", "", prod.read_text(), flags=re.MULTILINE))
    assert environments("drift", "envs/", "--only", "unmanaged").status == 2


def test_a_policy_is_told_by_validate_and_blocks_one_environment_alone(environments: Timelapse) -> None:
    prod = environments.folder / "envs" / "prod" / "keys.yaml"
    prod.write_text(prod.read_text().replace("expires_in: 60d", "expires_in: 365d"))
    told = environments("validate", "envs/", "--policy", "policy.yaml")
    assert (told.status, "envs/prod/keys.yaml:10:15: service/production/shop-ingest: " in told.err) == (3, True)
    assert "(policy/max_lifetime in policy.yaml:7); set expires_in: 90d" in told.err
    planned = environments("plan", "envs/", "--policy", "policy.yaml")
    assert (planned.status, planned.out.count("guard        policy")) == (4, 1)


def test_environments_of_one_identity_are_refused_before_anything_is_asked(environments: Timelapse) -> None:
    test = environments.folder / "envs" / "test" / "keys.yaml"
    copied = test.read_text().replace("owner: shop-test", "owner: shop-prod").replace("id: t6g1v3ds", "id: h2w5n7bx")
    test.write_text(copied)
    said = environments("plan", "envs/")
    assert (said.status, "have the same owner at the same provider" in said.err) == (3, True)
