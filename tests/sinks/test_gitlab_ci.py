"""The sink `gitlab-ci` against a stateful fake, over real HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from samples import (
    FORMER,
    IDENTITY,
    LINEAGE,
    OWNER,
    RAW,
    RENAMED_LINEAGE,
    make_declaration,
    make_delivery,
    make_intent,
    make_receipt,
    make_sink_settings,
)
from sinks.faults import Fault
from sinks.gitlab_fake import Abilities, GitLabFake
from sinks.journey import travelling
from sinks.threaded import answering

from keyplan.context import PluginContext
from keyplan.errors import InputError, SinkDeniedError, SinkUnavailableError
from keyplan.model.identity import Identity, Lineage
from keyplan.model.manifest import Json
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.receipt import Superseded
from keyplan.model.secret import Credential, RawKey
from keyplan.sinks.engine import SinkEngine
from keyplan.sinks.gitlab.sink import build_on, open_store
from keyplan.sinks.gitlab.store import GitLabVariables
from keyplan.system.clock import SystemClock
from keyplan.testing.samples import OTHER_RAW
from keyplan.testing.sinks import SinkContract

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

PROJECT, GROUP = "projects/acme/app", "groups/acme"
ALL = "glpat-all"
Open = Callable[..., SinkEngine]
IN_PROJECT: Mapping[str, Json] = {"project": "acme/app", "name": "{name}"}
HOMES: Mapping[str, tuple[str, Mapping[str, Json]]] = {
    "a project's": (PROJECT, {"project": "acme/app"}),
    "a project's by its id": ("projects/42", {"project": "42"}),
    "a project's with a scope": (PROJECT, {"project": "acme/app", "environment_scope": "review/*"}),
    "a project's, in a file that ends in a newline": (
        PROJECT,
        {"project": "acme/app", "variable_type": "file", "masked": False, "newline": True},
    ),
    "a group's": (GROUP, {"group": "acme"}),
    "a group's with a scope": (GROUP, {"group": "acme", "environment_scope": "production"}),
}


@pytest.fixture(scope="module")
def gitlab() -> Iterator[tuple[GitLabFake, str]]:
    """Yield a fake and its URL."""
    fake = GitLabFake()
    with answering(fake) as url:
        yield fake, url


@pytest.fixture
def fake(gitlab: tuple[GitLabFake, str]) -> GitLabFake:
    """Return the fake, empty."""
    gitlab[0].reset()
    return gitlab[0]


@pytest.fixture
def open_gitlab(fake: GitLabFake, gitlab: tuple[GitLabFake, str]) -> Iterator[Open]:
    """Return what opens a sink on the fake."""
    opened: list[GitLabVariables] = []

    def open_one(
        options: Mapping[str, Json] = IN_PROJECT, *, token: str = ALL, lineage: Lineage = RENAMED_LINEAGE
    ) -> SinkEngine:
        context = PluginContext(
            folder="/",
            lineage=lineage,
            clock=SystemClock(),
            jitter=lambda _: 0.0,
            resolve=lambda _: Credential(token),
            environment={},
            say=lambda _: None,
        )
        settings = make_sink_settings({"url": gitlab[1], **options}, sink_type="gitlab-ci")
        opened.append(open_store(settings, context))
        return build_on(settings, context, opened[-1])

    yield open_one
    for store in opened:
        store.close()


def find_slot(sink: SinkEngine, declared: str = "ci", /, **changes: Json) -> Slot:
    return sink.locate(OWNER, make_declaration(declared), make_delivery(changes))


def look(sink: SinkEngine, slot: Slot) -> Holding:
    return sink.inspect([slot])[slot]


class GitLabContract(SinkContract):
    options: Mapping[str, Json] = {}

    @pytest.fixture(params=HOMES.values(), ids=HOMES)
    def sink(self, request: pytest.FixtureRequest, fake: GitLabFake, open_gitlab: Open) -> SinkEngine:
        self.fake = fake
        self.home, options = request.param
        return open_gitlab({"name": "{name}", **options, **self.options})

    def value_at(self, slot: Slot) -> str | None:
        value = self.fake.value(self.home, *self.name_of(slot))
        return value.removesuffix("\n") if value and slot.options.get("newline") else value

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        key, scope = self.name_of(slot)
        self.fake.person_writes(self.home, key, raw_text, scope)

    def name_of(self, slot: Slot) -> tuple[str, str]:
        return str(slot.options["name"]), str(slot.options.get("environment_scope", "*"))

    def test_different_declarations_have_different_slots(self, sink: SinkEngine) -> None:
        # A variable's name has no room for every difference: where two declarations meet, the manifest is refused.
        names = ["ci", "ci-2", "c/i", "_"]
        assert len({find_slot(sink, name) for name in names}) == len(names)


class TestGitLabCi(GitLabContract):
    """Variables that can be read."""


class TestHiddenVariables(GitLabContract):
    """Variables that nobody can read any more."""

    options: Mapping[str, Json] = {"hidden": True, "masked": True, "newline": False}

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        key, scope = self.name_of(slot)
        self.fake.person_writes(self.home, key, raw_text, scope)
        self.fake.homes[self.home][key, scope]["hidden"] = True


def test_the_variable_is_as_declared(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    variable = fake.homes[PROJECT]["CI", "*"]
    assert {name: variable[name] for name in ("value", "masked", "protected", "raw", "variable_type")} == {
        "value": RAW,
        "masked": True,
        "protected": True,
        "raw": True,
        "variable_type": "env_var",
    }
    assert variable["description"].startswith("Delivered by keyplan")


def test_options_that_change_are_applied_with_the_next_key(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    sink.put(find_slot(sink, masked=False, protected=False), RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    variable = fake.homes[PROJECT]["CI", "*"]
    assert (variable["masked"], variable["protected"]) == (False, False)


def test_the_raw_key_arrives_byte_for_byte(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab({**IN_PROJECT, "masked": False})
    slots = find_slot(sink), find_slot(sink, "second", newline=True)
    for slot in slots:
        sink.put(slot, RawKey("$HOME ü…\U0001f511"), make_receipt())
    assert [fake.value(PROJECT, key) for key in ("CI", "SECOND")] == ["$HOME ü…\U0001f511", "$HOME ü…\U0001f511\n"]
    assert [sink.read(slot).reveal() for slot in slots] == ["$HOME ü…\U0001f511"] * 2  # type: ignore[union-attr]  # both were stored before


def test_no_job_of_a_project_sees_the_notes(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert sorted(fake.homes[PROJECT]) == [("CI", "*"), ("KEYPLAN_CI", "keyplan/*")]
    assert RAW not in str(fake.value(PROJECT, "KEYPLAN_CI", "keyplan/*"))


def test_a_receipt_of_any_length_fits(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    times = make_receipt().created_at
    old = tuple(Superseded(key_id=f"key-{n}" + "x" * 40, switched_at=times, delete_after=times) for n in range(20))
    names = {"name": "n" * 256, "address": "user/" + "n" * 256}
    receipt = make_receipt(**names, creator="VXNlcjoxMjM0NTY3OmFCY0Q=", superseded=tuple(sorted(old)))
    sink.put(find_slot(sink), RawKey(RAW), receipt)
    assert look(sink, find_slot(sink)).receipt == receipt


def test_many_variables_are_seen_in_a_few_requests(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    for number in range(250):
        fake.person_writes(PROJECT, f"N{number}", "x")
    slots = [find_slot(sink, f"n{number}") for number in range(300)]
    found = sink.inspect(slots)
    assert [found[slot].present for slot in slots] == [True] * 250 + [False] * 50
    assert fake.calls == ["GET /api/v4/projects/acme%2Fapp/variables"] * 3


def test_nothing_of_a_value_shows_in_logs(
    fake: GitLabFake, open_gitlab: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sink = open_gitlab()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    sink.read(find_slot(sink))
    assert RAW not in caplog.text
    assert ALL not in caplog.text


# ownership


def test_a_value_that_was_taken_over_without_being_written_is_no_longer_its_former_owners(open_gitlab: Open) -> None:
    # A description can't be changed without sending the value, so the value keeps the former owner's mark.
    former = open_gitlab(lineage=Lineage(identity=FORMER))
    slot = find_slot(former)
    former.put(slot, RawKey(RAW), make_receipt(owner=FORMER.owner, manifest_id=FORMER.id))
    open_gitlab().annotate(slot, make_receipt())
    expected = Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)
    assert look(open_gitlab(lineage=LINEAGE), slot) == expected
    assert look(former, slot).owner == IDENTITY


def test_a_value_that_another_manifest_put_over_ours_is_its(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    notes = fake.value(PROJECT, "KEYPLAN_CI", "keyplan/*")
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW, owner="another-team"))
    # As after a crash between the two: the value is theirs already, the notes are still ours.
    fake.person_writes(PROJECT, "KEYPLAN_CI", str(notes), scope="keyplan/*")
    assert look(sink, slot).owner == Identity("another-team")


def test_a_mark_without_notes_is_ours_and_proves_nothing(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    fake.person_deletes(PROJECT, "KEYPLAN_CI", "keyplan/*")
    assert look(sink, slot) == Holding(present=True)
    sink.intend(slot, make_intent())


def test_a_variable_made_anew_by_hand_is_a_persons(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    fake.person_deletes(PROJECT, "CI")
    fake.person_writes(PROJECT, "CI", "by-hand-again")
    assert look(sink, slot).content is Content.DIFFERS
    with pytest.raises(SinkDeniedError, match="that keyplan did not write"):
        sink.intend(slot, make_intent())
    sink.intend(find_slot(sink, overwrite=True), make_intent())


def test_a_hidden_value_of_another_delivery_differs(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab({**IN_PROJECT, "hidden": True})
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.annotate(slot, make_receipt(OTHER_RAW))
    assert look(sink, slot).content is Content.DIFFERS


def test_a_visible_variable_cannot_become_hidden(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    with pytest.raises(SinkDeniedError, match="is not hidden"):
        sink.intend(find_slot(sink, hidden=True), make_intent())


def test_a_value_that_a_person_put_in_its_place_outlives_the_declaration(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    fake.person_writes(PROJECT, "CI", "by-hand-later")
    sink.withdraw(slot, OWNER)
    assert fake.homes[PROJECT].keys() == {("CI", "*")}


def test_a_variable_can_outlive_its_declaration(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    slot = find_slot(sink, on_remove="keep")
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.withdraw(slot, OWNER)
    # The notes stay with the value: they say whose it is if it is declared again.
    assert fake.homes[PROJECT].keys() == {("CI", "*"), ("KEYPLAN_CI", "keyplan/*")}


def test_a_hidden_value_is_not_read(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab({**IN_PROJECT, "hidden": True})
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert sink.read(find_slot(sink)) is None
    assert sink.read(find_slot(sink, "absent")) is None


# refusals


@pytest.mark.parametrize(
    ("token", "options", "told"),
    [
        pytest.param("glpat-revoked", {}, ("does not accept the token", "scope 'api'"), id="unknown token"),
        pytest.param("glpat-developer", {}, ("forbids it", "role Maintainer of the project"), id="too low a role"),
        pytest.param(
            "glpat-developer",
            {"project": None, "group": "acme"},
            ("forbids", "role Owner of the group"),
            id="in a group",
        ),
    ],
)
def test_a_refusal_comes_before_a_key_is_made_and_names_the_right(
    fake: GitLabFake, open_gitlab: Open, token: str, options: dict[str, Json], told: tuple[str, str]
) -> None:
    sink = open_gitlab({**IN_PROJECT, **options}, token=token)
    with pytest.raises(SinkDeniedError) as caught:
        sink.intend(find_slot(sink), make_intent())
    message, advice = told
    assert message in caught.value.message
    assert advice in caught.value.advice


def test_an_unknown_project_is_told(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab({**IN_PROJECT, "project": "acme/gone"})
    with pytest.raises(SinkDeniedError, match="not found") as caught:
        sink.inspect([find_slot(sink)])
    assert "check the name of acme/gone" in caught.value.advice
    with pytest.raises(SinkDeniedError, match="not found"):
        sink.intend(find_slot(sink), make_intent())


@pytest.mark.parametrize(
    ("abilities", "options", "message"),
    [
        pytest.param(
            Abilities(scopes_groups=False),
            {"project": None, "group": "acme", "environment_scope": "production"},
            "can't scope the variables of a group",
            id="no licence to scope a group's",
        ),
        pytest.param(Abilities(describes=False), {}, "keeps no descriptions", id="before 16.2"),
        pytest.param(Abilities(hides=False), {"hidden": True}, "can't hide variables", id="before 17.4"),
    ],
)
def test_what_a_gitlab_cannot_do_is_found_out_before_a_key_is_made(
    fake: GitLabFake, open_gitlab: Open, abilities: Abilities, options: dict[str, Json], message: str
) -> None:
    fake.abilities = abilities
    sink = open_gitlab({**IN_PROJECT, **options})
    with pytest.raises(SinkDeniedError, match=message):
        sink.intend(find_slot(sink), make_intent())
    assert not any(fake.homes.values())


def test_what_a_gitlab_has_forgotten_to_do_leaves_old_notes_alone(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    fake.abilities = replace(fake.abilities, describes=False)
    with pytest.raises(SinkDeniedError):
        sink.intend(find_slot(sink), make_intent())
    assert look(sink, find_slot(sink)).receipt == make_receipt()


def test_a_group_without_licence_can_do_without_scopes(fake: GitLabFake, open_gitlab: Open) -> None:
    fake.abilities = Abilities(scopes_groups=False)
    sink = open_gitlab({"group": "acme", "name": "{name}"})
    sink.intend(find_slot(sink), make_intent())
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert look(sink, find_slot(sink)).content is Content.MATCHES


def test_the_variable_of_another_scope_is_not_taken_for_ours(fake: GitLabFake, open_gitlab: Open) -> None:
    fake.abilities = Abilities(filters=False)
    fake.person_writes(PROJECT, "CI", "for production", "production")
    sink = open_gitlab()
    assert sink.read(find_slot(sink)) is None


@pytest.mark.parametrize("value", [pytest.param("short", id="too short"), pytest.param("two words", id="a space")])
def test_a_value_that_cannot_be_masked_is_never_sent(fake: GitLabFake, open_gitlab: Open, value: str) -> None:
    sink = open_gitlab()
    with pytest.raises(SinkDeniedError, match="masks only values") as caught:
        sink.put(find_slot(sink), RawKey(value), make_receipt())
    assert all(call.startswith("GET ") for call in fake.calls)
    assert value not in f"{caught.value!r} {caught.value.advice}"


def test_a_refusal_names_fields_and_quotes_nothing(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    fake.faults.append(Fault(400, body={"message": {"value": [f"{RAW} is bad"], RAW: ["odd"]}}, method="POST"))
    with pytest.raises(SinkDeniedError) as caught:
        sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert caught.value.message == "acme/app: make variable CI: GitLab answered 400 about value"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param(Fault(400, body="no JSON"), "GitLab answered 400$", id="refused in no JSON"),
        pytest.param(Fault(400, body={"message": "bad"}), "GitLab answered 400$", id="refused in other words"),
        pytest.param(Fault(302), "it has moved", id="moved"),
    ],
)
def test_other_refusals(fake: GitLabFake, open_gitlab: Open, fault: Fault, message: str) -> None:
    sink = open_gitlab()
    fake.faults.append(fault)
    with pytest.raises(SinkDeniedError, match=message):
        sink.inspect([find_slot(sink)])


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(200, body="<html>"), id="not JSON"),
        pytest.param(Fault(200, body={}), id="no list"),
        pytest.param(Fault(200, body=[{"key": "CI"}]), id="no value"),
    ],
)
def test_what_is_no_gitlab_is_told(fake: GitLabFake, open_gitlab: Open, fault: Fault) -> None:
    sink = open_gitlab()
    fake.faults.append(fault)
    with pytest.raises(SinkUnavailableError, match="answer"):
        sink.inspect([find_slot(sink)])


# troubles on the way


def test_a_write_whose_answer_was_lost_is_finished(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    fake.faults.append(Fault(502, method="POST", is_late=True))
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert look(sink, find_slot(sink)).content is Content.MATCHES


def test_another_value_in_the_answer_is_not_taken_for_stored(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    answer = {"key": "CI", "value": "another", "environment_scope": "*"}
    fake.faults.append(Fault(201, body=answer, method="POST"))
    with pytest.raises(SinkUnavailableError, match="stored another value"):
        sink.put(find_slot(sink), RawKey(RAW), make_receipt())


def test_a_crash_between_value_and_receipt_is_no_persons_doing(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.intend(slot, make_intent())
    fake.faults.extend([Fault(502, method="PUT", path="KEYPLAN_CI")] * 3)
    with pytest.raises(SinkUnavailableError):
        sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert look(sink, slot) == Holding(
        present=True, receipt=make_receipt(), intent=make_intent(), content=Content.DIFFERS
    )
    sink.withdraw(slot, OWNER)
    assert not fake.homes[PROJECT]


def test_notes_that_are_damaged_are_told(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    fake.person_writes(PROJECT, "KEYPLAN_CI", "{", "keyplan/*")
    with pytest.raises(SinkUnavailableError, match="variable KEYPLAN_CI of acme/app is damaged"):
        sink.inspect([find_slot(sink)])


@pytest.mark.parametrize("option", ["token", "url"])
def test_one_sink_has_one_server_and_one_token(open_gitlab: Open, option: str) -> None:
    with pytest.raises(InputError, match=f"keys.yaml:1:1: '{option}' can't differ for one key"):
        find_slot(open_gitlab(), **{option: "x"})


def test_a_rate_limit_is_waited_out(fake: GitLabFake, open_gitlab: Open) -> None:
    sink = open_gitlab()
    fake.faults.append(Fault(429, {"Retry-After": "0"}))
    assert look(sink, find_slot(sink)) == Holding(present=False)
    assert len(fake.calls) == 2


@pytest.mark.parametrize(
    ("home", "options"),
    [
        pytest.param(PROJECT, {"project": "acme/app", "environment_scope": "*"}, id="project"),
        pytest.param(GROUP, {"group": "acme", "environment_scope": "production"}, id="group, scoped"),
    ],
)
def test_a_key_lives_its_life_there(
    gitlab: tuple[GitLabFake, str], fake: GitLabFake, tmp_path: Path, home: str, options: dict[str, str]
) -> None:
    sink = {"type": "gitlab-ci", "name": "{name}_KEY", **options, "url": gitlab[1], "token": {"env": "GL_TOKEN"}}
    scope = options["environment_scope"]
    with travelling(
        tmp_path,
        sink=sink,
        read_value=lambda name: fake.value(home, f"{name.upper()}_KEY", scope),
        destroy_value=lambda name: fake.person_deletes(home, f"{name.upper()}_KEY", scope),
        overwrite_value=lambda name, value: fake.person_writes(home, f"{name.upper()}_KEY", value, scope),
        environment={"GL_TOKEN": ALL},
    ) as journey:
        journey.run()
