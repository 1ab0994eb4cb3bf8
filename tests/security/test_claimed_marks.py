"""A member who may create keys puts our marker on one: it is shown with its creator, and it ends and blocks nothing."""

from __future__ import annotations

import pytest
from security.company import ONE_KEY, ONE_KEY_AT_ONCE, SHORT_LEASE, Repository
from security.conftest import OpenRepository

from keyplan.model.identity import Address, Identity
from keyplan.model.observation import Marker
from keyplan.sandbox.seeds import FIRST_USER_ID, SECOND_USER_ID
from keyplan.sandbox.server import RunningSandbox

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

SERVICE = "keys:\n  - {name: ingest, key_type: service, space: production}\n"


def assert_claimed(team: Repository, claim: dict[str, str], name: str = "ci") -> None:
    """Assert that a claim is shown with its creator, changes no exit status but drift's, and stays as it is."""
    before, value = team.keys_of(), team.store.value(name)
    shown = team.expect(0, "plan", "--detailed-exitcode")
    assert (claim["id"] in shown, SECOND_USER_ID in shown) == (True, True), shown
    drifted = team.expect(2, "drift")
    assert (claim["id"] in drifted, SECOND_USER_ID in drifted) == (True, True), drifted
    team.expect(0, "apply", "--auto-approve")
    assert team.keys_of() == before, "a key was made, changed or ended"
    assert team.store.value(name) == value


@pytest.mark.parametrize("ledger", ["kept", "lost"])
def test_a_younger_claim_is_shown_and_ours_lives(team: Repository, ledger: str) -> None:
    claim = team.member_makes("ci", team.marker_of("user/ci"))
    if ledger == "lost":
        team.lose_ledger()
    assert_claimed(team, claim)
    assert team.is_valid(team.store.value("ci"))


@pytest.mark.parametrize("ledger", ["kept", "lost"])
def test_an_older_claim_keeps_nothing_from_being_created(opened: OpenRepository, ledger: str) -> None:
    team = opened()
    team.declare()
    claim = team.member_makes("ci", team.marker_of("user/ci"))
    team.expect(0, "plan")
    team.expect(0, "apply", "--auto-approve")
    assert team.control("POST", "check", {"key": team.store.value("ci")})["id"] != claim["id"]
    if ledger == "lost":
        team.lose_ledger()
    assert_claimed(team, claim)


@pytest.mark.parametrize("ledger", ["kept", "lost"])
def test_a_claim_is_no_newcomer_when_an_interrupted_run_is_finished(opened: OpenRepository, ledger: str) -> None:
    team = opened()
    team.more = SHORT_LEASE
    team.declare(ONE_KEY_AT_ONCE)
    team.die_after_creating()
    ours = team.key_id("ci")
    claim = team.member_makes("ci", team.marker_of("user/ci"))
    if ledger == "lost":
        team.lose_ledger()
    before = team.keys_of()[claim["id"]]
    team.expect(0, "apply", "--auto-approve", "--lock-timeout", "1m")
    current = team.control("POST", "check", {"key": team.store.value("ci")})
    assert (current["valid"], team.keys_of()[current["id"]]["created_by_user_id"]) == (True, FIRST_USER_ID)
    assert current["id"] != claim["id"]
    assert team.keys_of()[claim["id"]] == before
    assert team.live_ids("ci") == {current["id"], claim["id"]}, f"{ours} lives on unheld"
    assert_claimed(team, claim)


def test_a_claim_on_an_address_that_is_not_declared_is_never_deleted(team: Repository) -> None:
    claim = team.member_makes("old", team.marker_of("user/old"))
    assert_claimed(team, claim)


def test_many_claims_do_not_trip_a_limit(team: Repository) -> None:
    claims = [team.member_makes("ci", team.marker_of("user/ci")) for _ in range(6)]
    for claim in claims:
        assert_claimed(team, claim)


def test_a_claim_survives_a_rotation_and_the_removal_of_the_declaration(opened: OpenRepository) -> None:
    team = opened()
    team.settle(f"{ONE_KEY}  - {{name: other, key_type: user}}\n")
    claim = team.member_makes("ci", team.marker_of("user/ci"))
    team.expect(0, "rotate", "user/ci", "--auto-approve")
    assert team.is_valid(claim["key"])
    team.declare("keys:\n  - {name: other, key_type: user}\n")
    team.expect(0, "apply", "--auto-approve")
    assert team.live_ids("ci") == {claim["id"]}
    assert team.is_valid(claim["key"])


def test_a_claim_with_a_former_owners_marker_is_a_claim(opened: OpenRepository) -> None:
    team = opened(more="formerly: [old-team]")
    team.settle()
    claim = team.member_makes("ci", Marker.of(Identity("old-team"), Address("user/ci")))
    assert_claimed(team, claim)


def test_a_service_key_of_another_user_in_our_space_is_a_claim(opened: OpenRepository, sandbox: RunningSandbox) -> None:
    team = opened()
    if team.api == "alpha":
        pytest.skip("alpha lists no key of another user")
    team.settle(SERVICE)
    body = {
        "name": "ingest",
        "key_type": "SERVICE",
        "description": team.marker_of("service/production/ingest").attach(""),
        "organizations": [
            {
                "org_id": "T3JnYW5pemF0aW9uOjEwMDE6eFl6Vw==",
                "spaces": [{"space_id": "U3BhY2U6MjAwMTphQmNE"}],
            }
        ],
    }
    second = opened("of the member", credential=sandbox.second_credential)
    claim = second.call("POST", "api-keys", body)
    assert_claimed(team, claim, "ingest")
    team.lose_ledger()
    assert_claimed(team, claim, "ingest")


def test_a_creator_that_the_manifest_names_is_believed(opened: OpenRepository) -> None:
    team = opened()
    team.settle(f"{ONE_KEY_AT_ONCE}  - {{name: other, key_type: user}}\n")
    claim = team.member_makes("ci", team.marker_of("user/ci"))
    text = (team.folder / "keys.yaml").read_text()
    (team.folder / "keys.yaml").write_text(text.replace("api: ", f"creators: [{SECOND_USER_ID}], api: "))
    team.expect(0, "apply", "--auto-approve")
    assert not team.is_valid(claim["key"]), "a key with our marker that one of ours made is a duplicate of ours"
    assert team.is_valid(team.store.value("ci"))


def test_doctor_names_who_keyplan_is_and_what_is_only_claimed(team: Repository) -> None:
    claim = team.member_makes("ci", team.marker_of("user/ci"))
    shown = team.run("doctor").stdout
    assert FIRST_USER_ID in shown
    assert claim["id"] in shown


def test_an_unmarked_key_of_another_user_keeps_nothing_from_being_created(opened: OpenRepository) -> None:
    team = opened()
    team.declare()
    stranger = team.member_makes("ci", None)
    team.expect(0, "plan")
    team.expect(0, "apply", "--auto-approve")
    assert team.is_valid(team.store.value("ci"))
    assert team.is_valid(stranger["key"])
