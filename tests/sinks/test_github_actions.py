"""The sink `github-actions` against a stateful fake, behind Prism with GitHub's own description of its API."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from samples import (
    LOCAL,
    NOW,
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
from sinks.github.fake import GitHubFake
from sinks.github.prism import find_prism, proxying
from sinks.journey import travelling
from sinks.threaded import answering

from keyplan.context import PluginContext
from keyplan.errors import InputError, SinkDeniedError, SinkUnavailableError
from keyplan.model.manifest import Json
from keyplan.model.observation import Holding, Slot
from keyplan.model.receipt import Delivered
from keyplan.model.secret import Credential, RawKey
from keyplan.sinks.engine import SinkEngine
from keyplan.sinks.github.sink import build, build_on, open_store
from keyplan.sinks.github.store import GitHubSecrets
from keyplan.system.clock import SystemClock
from keyplan.testing.samples import OTHER_RAW
from keyplan.testing.sinks import SinkContract

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

REPOSITORY = "/repos/acme/app/actions/secrets"
ALL = "ghp_all"
Open = Callable[..., SinkEngine]
IN_REPOSITORY: Mapping[str, Json] = {"repository": "acme/app", "name": "{name}"}
OF_STORES = {
    "a repository's": (REPOSITORY, {"repository": "acme/app"}),
    "an environment's": (
        "/repos/acme/app/environments/production/secrets",
        {"repository": "acme/app", "environment": "production"},
    ),
    "an environment's with a slash": (
        "/repos/acme/app/environments/qa%2Feu/secrets",
        {"repository": "acme/app", "environment": "qa/eu"},
    ),
    "an organization's": ("/orgs/acme/actions/secrets", {"organization": "acme"}),
    "a repository's for Dependabot": (
        "/repos/acme/app/dependabot/secrets",
        {"repository": "acme/app", "dependabot": True},
    ),
    "an organization's for Dependabot": (
        "/orgs/acme/dependabot/secrets",
        {"organization": "acme", "dependabot": True},
    ),
}


def surround(token: str) -> PluginContext:
    return PluginContext(
        folder="/",
        lineage=RENAMED_LINEAGE,
        clock=SystemClock(),
        jitter=lambda _: 0.0,
        resolve=lambda _: Credential(token),
        environment={},
        say=lambda _: None,
    )


@pytest.fixture(scope="session")
def github(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[GitHubFake, str]]:
    """Yield a fake and the URL of the Prism in front of it."""
    program = find_prism(request.config.cache.mkdir("prism"))
    fake, log = GitHubFake(since=NOW), tmp_path_factory.mktemp("prism") / "log"
    with answering(fake) as upstream, proxying(upstream, program=program, log=log) as url:
        yield fake, url


@pytest.fixture
def fake(github: tuple[GitHubFake, str]) -> GitHubFake:
    """Return the fake, empty."""
    github[0].reset()
    return github[0]


@pytest.fixture
def open_github(github: tuple[GitHubFake, str]) -> Iterator[Open]:
    """Return what opens a sink on the fake."""
    opened: list[GitHubSecrets] = []

    def open_one(options: Mapping[str, Json] = IN_REPOSITORY, *, token: str = ALL) -> SinkEngine:
        settings = make_sink_settings({"api_url": github[1], **options}, sink_type="github-actions")
        context = surround(token)
        opened.append(open_store(settings, context))
        return build_on(settings, context, opened[-1])

    yield open_one
    for store in opened:
        store.close()


def find_slot(sink: SinkEngine, declared: str = "ci", /, **changes: Json) -> Slot:
    return sink.locate(OWNER, make_declaration(declared), make_delivery(changes))


class TestGitHubActions(SinkContract):
    @pytest.fixture(params=OF_STORES.values(), ids=OF_STORES)
    def sink(self, request: pytest.FixtureRequest, fake: GitHubFake, open_github: Open) -> SinkEngine:
        self.fake = fake
        # To put again is to change again, and the times of change are compared.
        fake.stopped_at = NOW
        self.store, options = request.param
        return open_github({"name": "{name}", **options})

    def value_at(self, slot: Slot) -> str | None:
        return self.fake.value(self.store, str(slot.options["name"]))

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        self.fake.person_writes(self.store, str(slot.options["name"]), raw_text)

    def test_different_declarations_have_different_slots(self, sink: SinkEngine) -> None:
        # A secret's name has no room for every difference: where two declarations meet, the manifest is refused.
        names = ["ci", "ci-2", "c/i", "_"]
        assert len({find_slot(sink, name) for name in names}) == len(names)


def test_nothing_is_sent_before_it_is_needed(fake: GitHubFake, github: tuple[GitHubFake, str]) -> None:
    settings = make_sink_settings({"api_url": github[1], **IN_REPOSITORY}, sink_type="github-actions")
    assert build(settings, surround(ALL)).abilities.weak_proof
    assert fake.calls == []


def test_the_raw_key_arrives_byte_for_byte(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github()
    slots = find_slot(sink), find_slot(sink, "second", newline=True)
    for slot in slots:
        sink.put(slot, RawKey("ak-ü…\U0001f511"), make_receipt())
    assert [fake.value(REPOSITORY, name) for name in ("CI", "SECOND")] == ["ak-ü…\U0001f511", "ak-ü…\U0001f511\n"]


def test_a_value_travels_sealed(fake: GitHubFake, open_github: Open, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sink = open_github()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert not any(RAW.encode() in body for body in fake.bodies)
    assert RAW not in caplog.text
    assert "ghp_all" not in caplog.text


def test_an_organizations_secret_says_who_may_use_it(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github({"organization": "acme", "name": "{name}"})
    options: list[dict[str, Json]] = [{}, {"visibility": "selected", "selected_repositories": [42]}]
    for number, changes in enumerate(options):
        sink.put(find_slot(sink, f"s{number}", **changes), RawKey(RAW), make_receipt())
    secrets = fake.stores["/orgs/acme/actions/secrets"]
    assert [secrets[name].settings for name in ("S0", "S1")] == [
        {"visibility": "private"},
        {"visibility": "selected", "selected_repository_ids": [42]},
    ]


def test_a_new_public_key_of_github_is_found_out(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github()
    sink.intend(find_slot(sink), make_intent())
    fake.change_keys()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert fake.value(REPOSITORY, "CI") == RAW


def test_a_thousand_secrets_are_seen_in_a_few_requests(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github()
    for number in range(250):
        fake.person_writes(REPOSITORY, f"N{number}", "x")
    slots = [find_slot(sink, f"n{number}") for number in range(300)]
    found = sink.inspect(slots)
    assert [found[slot].present for slot in slots] == [True] * 250 + [False] * 50
    assert fake.calls == [f"GET {REPOSITORY}"] * 3


def test_rights_and_public_key_are_asked_for_once(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github()
    for name in ("ci", "second", "third"):
        sink.intend(find_slot(sink, name), make_intent())
    asked = [call.rpartition("/")[2] for call in fake.calls]
    assert asked == ["public-key", "CI", "KEYPLAN_PROBE_OF_RIGHTS_NEVER_SET", "SECOND", "THIRD"]


# a secret that was there before


def test_a_secret_that_no_receipt_tells_of_stays(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github()
    fake.person_writes(REPOSITORY, "CI", "by hand")
    with pytest.raises(SinkDeniedError, match="nothing shows that keyplan wrote it") as caught:
        sink.intend(find_slot(sink), make_intent())
    assert "overwrite: true" in caught.value.advice


def test_a_secret_that_a_receipt_tells_of_is_ours(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github()
    slot = find_slot(sink)
    fake.person_writes(REPOSITORY, "CI", "an earlier run's")
    sink.intend(slot, make_intent(held=(Delivered(slot.sink, slot.location),)))
    with pytest.raises(SinkDeniedError):
        sink.intend(slot, make_intent(held=(Delivered(LOCAL, "acme/other#CI"),)))


def test_a_secret_may_be_overwritten_where_the_manifest_says_so(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github()
    fake.person_writes(REPOSITORY, "CI", "by hand")
    sink.intend(find_slot(sink, overwrite=True), make_intent())


def test_what_came_since_an_attempt_was_cut_short_is_its_own(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github()
    fake.person_writes(REPOSITORY, "CI", "from an attempt that crashed before its receipt")
    sink.intend(find_slot(sink), make_intent(at=NOW, attempts=2))
    with pytest.raises(SinkDeniedError):
        sink.intend(find_slot(sink), make_intent(at=NOW + timedelta(days=9999), attempts=2))


def test_a_secret_can_outlive_its_declaration(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github()
    slot = find_slot(sink, on_remove="keep")
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.withdraw(slot, OWNER)
    assert fake.value(REPOSITORY, "CI") == RAW


def test_nothing_can_be_read(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert sink.read(find_slot(sink)) is None


# refusals


@pytest.mark.parametrize(
    ("token", "options", "told"),
    [
        pytest.param("ghp_revoked", {}, ("does not accept the token", "scope 'repo'"), id="unknown token"),
        pytest.param(
            "ghp_none", {}, ("not found, or the token may not see it", "'Secrets' (write)"), id="sees nothing"
        ),
        pytest.param("ghp_reader", {}, ("403, Resource not accessible", "secrets=write"), id="may not write"),
        pytest.param(ALL, {"repository": "acme/gone"}, ("not found", "name of acme/gone"), id="no repository"),
        pytest.param(ALL, {"environment": "gone"}, ("not found", "'Environments'"), id="no environment"),
        pytest.param(
            "ghp_reader",
            {"repository": None, "organization": "acme"},
            ("403", "'admin:org', a fine-grained one or an App the permission 'Organization secrets' (write)"),
            id="may not write an organization's",
        ),
    ],
)
def test_a_refusal_comes_before_a_key_is_made_and_names_the_right(
    fake: GitHubFake, open_github: Open, token: str, options: dict[str, Json], told: tuple[str, str]
) -> None:
    sink = open_github({**IN_REPOSITORY, **options}, token=token)
    with pytest.raises(SinkDeniedError) as caught:
        sink.intend(find_slot(sink), make_intent())
    message, advice = told
    assert message in caught.value.message
    assert advice in caught.value.advice


def test_scopes_that_github_tells_are_told(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github(token="ghp_reader")
    with pytest.raises(SinkDeniedError) as caught:
        sink.intend(find_slot(sink), make_intent())
    assert "(this one has read:org, GitHub takes secrets=write)" in caught.value.advice


def test_a_repository_that_has_moved_is_told(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github()
    fake.faults.append(Fault(301))
    with pytest.raises(SinkDeniedError, match="it has moved"):
        sink.inspect([find_slot(sink)])


def test_a_body_that_stays_unfit_is_refused(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github()
    fake.faults.extend([Fault(422, method="PUT")] * 2)
    with pytest.raises(SinkDeniedError, match="finds the secret unfit"):
        sink.put(find_slot(sink), RawKey(RAW), make_receipt())


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param(Fault(429, {"Retry-After": "3600"}), "busy or throttled until", id="an hour to wait"),
        pytest.param(Fault(403, {"Retry-After": "700"}), "busy or throttled until", id="secondary limit"),
        pytest.param(
            Fault(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "32503680000"}),
            "until 3000-01-01 00:00:00 UTC",
            id="primary limit",
        ),
    ],
)
def test_a_long_pause_is_told_at_once(fake: GitHubFake, open_github: Open, fault: Fault, message: str) -> None:
    sink = open_github()
    fake.faults.append(fault)
    with pytest.raises(SinkUnavailableError, match=message):
        sink.inspect([find_slot(sink)])
    assert len(fake.calls) == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(429, {"Retry-After": "0"}), id="429"),
        pytest.param(Fault(403, {"Retry-After": "0"}), id="secondary limit"),
        pytest.param(
            Fault(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}), id="primary limit, just over"
        ),
        pytest.param(Fault(503), id="503"),
        pytest.param(Fault(408), id="408"),
    ],
)
def test_a_passing_trouble_is_waited_out(fake: GitHubFake, open_github: Open, fault: Fault) -> None:
    sink = open_github()
    fake.faults.append(fault)
    assert sink.inspect([find_slot(sink)]) == {find_slot(sink): Holding(present=False)}
    assert len(fake.calls) == 2


def test_a_server_that_stays_broken_is_unavailable(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github()
    fake.faults.extend([Fault(502)] * 3)
    with pytest.raises(SinkUnavailableError, match="the server answered 502"):
        sink.inspect([find_slot(sink)])


def test_a_secret_that_does_not_show_is_not_taken_for_stored(fake: GitHubFake, open_github: Open) -> None:
    sink = open_github()
    sink.intend(find_slot(sink), make_intent())
    # Once before the value is stored, once after it.
    fake.faults.extend([Fault(404, method="GET")] * 2)
    with pytest.raises(SinkUnavailableError, match="does not show it") as caught:
        sink.put(find_slot(sink), RawKey(OTHER_RAW), make_receipt())
    assert OTHER_RAW not in f"{caught.value!r} {caught.value.advice}"


@pytest.mark.parametrize(
    "key",
    [pytest.param("AAAA", id="too short"), pytest.param("not base64!", id="not base64")],
)
def test_a_public_key_that_is_none_seals_nothing(fake: GitHubFake, open_github: Open, key: str) -> None:
    sink = open_github()
    fake.faults.append(Fault(200, body={"key_id": "1", "key": key}))
    with pytest.raises(SinkUnavailableError, match="public key is not one of 32 bytes"):
        sink.put(find_slot(sink), RawKey(RAW), make_receipt())


@pytest.mark.parametrize("option", ["token", "api_url"])
def test_one_sink_has_one_server_and_one_token(open_github: Open, option: str) -> None:
    with pytest.raises(InputError, match=f"keys.yaml:1:1: '{option}' can't differ for one key"):
        find_slot(open_github(), **{option: "x"})


def test_prism_would_tell(github: tuple[GitHubFake, str], fake: GitHubFake) -> None:
    """The proxy really holds both sides against the description, or all of the above would prove less."""
    url, headers = f"{github[1]}{REPOSITORY}", {"Authorization": "Bearer ghp_all"}
    unsealed = httpx.put(f"{url}/CI", json={"encrypted_value": RAW, "key_id": "1"}, headers=headers)
    assert unsealed.status_code == 422
    assert "pattern" in unsealed.text
    fake.faults.append(Fault(200, body={"secrets": []}))
    broken = httpx.get(url, headers=headers)
    assert broken.status_code == 500
    assert "total_count" in json.dumps(broken.json())


def test_a_key_lives_its_life_there(github: tuple[GitHubFake, str], fake: GitHubFake, tmp_path: Path) -> None:
    def overwrite(name: str, value: str) -> None:
        fake.ahead = timedelta(hours=2)  # within the hour it could be our own delivery
        fake.person_writes(REPOSITORY, name, value)
        fake.ahead = timedelta(0)

    fake.ahead = timedelta(0)
    sink = {"type": "github-actions", **IN_REPOSITORY, "api_url": github[1], "token": {"env": "GH_TOKEN"}}
    with travelling(
        tmp_path,
        sink=sink,
        read_value=lambda name: fake.value(REPOSITORY, name),
        destroy_value=lambda name: fake.person_deletes(REPOSITORY, name),
        overwrite_value=overwrite,
        environment={"GH_TOKEN": "ghp_all"},
    ) as journey:
        journey.run()
