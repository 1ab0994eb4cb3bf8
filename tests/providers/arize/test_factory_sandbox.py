"""The whole adapter against a real server on loopback, in both generations."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import pytest
from samples import make_desired, make_desired_service
from scripted_arize import Arize

from keyplan.context import PluginContext
from keyplan.errors import InDoubtError, InputError, ProviderDeniedError, ProviderRefusedError, ProviderUnavailableError
from keyplan.model.identity import Identity, Lineage, ScopeId
from keyplan.model.manifest import KeyType, ProviderSettings, ScopeById, ScopeByName
from keyplan.model.secret import Credential, RawKey
from keyplan.ports import ProviderPorts
from keyplan.providers.arize import build
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running
from keyplan.system.clock import SystemClock

pytestmark = pytest.mark.enable_socket

Api = Literal["alpha", "beta"]
NO_GRACE = timedelta(0)
PRODUCTION = ScopeByName("production")


@contextmanager
def account(api: Api, *, dialect: str = "auto", credential: str = "", **options: Any) -> Iterator[ProviderPorts]:
    """Yield the provider of a sandbox's account."""
    with running(SandboxOptions(port=0, api=api, **options)) as sandbox:
        context = PluginContext(
            folder="/",
            lineage=Lineage(identity=Identity("ml-platform")),
            clock=SystemClock(),
            jitter=lambda most: most / 2,
            resolve=lambda _: Credential(credential or sandbox.credential),
            environment={"ARIZE_API_HOST": sandbox.url.removeprefix("http://"), "ARIZE_API_SCHEME": "http"},
            say=lambda _: None,
        )
        provider = build(ProviderSettings(options={"api": dialect}), context)
        try:
            yield provider
        finally:
            provider.close()


@pytest.fixture(params=["alpha", "beta"])
def api(request: pytest.FixtureRequest) -> Api:
    """Return each generation."""
    generation: Api = request.param
    return generation


def test_the_dialect_is_found_out(api: Api) -> None:
    with account(api) as provider:
        assert provider.reader.laws().dialect == api


def test_a_user_key_lives_from_create_to_delete(api: Api) -> None:
    with account(api) as provider:
        made = provider.writer.create(make_desired(), expires_at=None)
        assert provider.writer.verify(made.raw)
        assert made.key.id in {key.id for key in provider.reader.list_keys([])}
        provider.writer.delete(made.key.id)
        assert not provider.writer.verify(made.raw)
        assert made.key.id not in {key.id for key in provider.reader.list_keys([])}
        assert made.key.id in {key.id for key in search(provider, active=False)}


def search(provider: ProviderPorts, *, active: bool | None) -> tuple[Any, ...]:
    return provider.reader.search_keys(key_type=KeyType.USER, active=active, scope_id=None)


def test_what_was_made_is_what_is_listed(api: Api) -> None:
    desired, expiry = make_desired(description="für CI"), datetime(2099, 1, 2, 3, 4, 5, tzinfo=UTC)
    with account(api) as provider:
        made = provider.writer.create(desired, expires_at=expiry)
        listed = next(key for key in provider.reader.list_keys([]) if key.id == made.key.id)
        assert (listed.description, listed.marker, listed.expires_at) == ("für CI", desired.marker, expiry)
        assert listed.redacted == made.key.redacted
        assert made.raw.fits(listed.redacted)


def test_a_service_key_is_made_in_a_space_that_is_found_by_name(api: Api) -> None:
    with account(api) as provider:
        laws = provider.reader.laws()
        space = provider.reader.find_scopes([PRODUCTION])[PRODUCTION]
        assert (space.organization_id is not None) is (api == "beta")
        desired = make_desired_service(space, names_organizations=laws.names_organizations)
        made = provider.writer.create(desired, expires_at=None)
        listed = next(key for key in provider.reader.list_keys([space.id]) if key.id == made.key.id)
        assert listed.key_type is KeyType.SERVICE
        assert listed.scope_ids == ({space.id} if api == "beta" else None)
        assert listed.access == (desired.access if api == "beta" else None)
        assert provider.writer.verify(made.raw)


def test_spaces_of_keys_are_known_from_the_filter_alone() -> None:
    with account("beta", unfiltered_services="none") as provider:
        space = provider.reader.find_scopes([PRODUCTION])[PRODUCTION]
        made = provider.writer.create(make_desired_service(space), expires_at=None)
        listed = next(key for key in provider.reader.list_keys([space.id]) if key.id == made.key.id)
        assert (listed.scope_ids, listed.access) == ({space.id}, None)


@pytest.mark.parametrize("refresh_id", ["new", "same"])
def test_a_refresh_ends_the_old_raw_key(api: Api, refresh_id: str) -> None:
    with account(api, refresh_id=refresh_id) as provider:
        old = provider.writer.create(make_desired(), expires_at=None)
        new = provider.writer.refresh(old.key.id, expires_at=None, grace=NO_GRACE)
        assert (new.key.id == old.key.id) is (refresh_id == "same")
        assert (provider.writer.verify(old.raw), provider.writer.verify(new.raw)) == (False, True)


def test_a_refresh_with_grace_keeps_the_old_raw_key_alive_in_beta() -> None:
    with account("beta") as provider:
        old = provider.writer.create(make_desired(), expires_at=None)
        new = provider.writer.refresh(old.key.id, expires_at=None, grace=timedelta(hours=1))
        assert (provider.writer.verify(old.raw), provider.writer.verify(new.raw)) == (True, True)


def test_life_cannot_be_extended_by_refresh_in_beta() -> None:
    soon = datetime(2098, 1, 1, tzinfo=UTC)
    with account("beta") as provider:
        made = provider.writer.create(make_desired(), expires_at=soon)
        with pytest.raises(ProviderRefusedError, match="422") as caught:
            provider.writer.refresh(made.key.id, expires_at=soon + timedelta(days=1), grace=NO_GRACE)
        assert caught.value.status == 422


@pytest.mark.parametrize("second_delete", [204, 404])
def test_a_second_delete_is_no_error(api: Api, second_delete: int) -> None:
    with account(api, second_delete=second_delete) as provider:
        made = provider.writer.create(make_desired(), expires_at=None)
        provider.writer.delete(made.key.id)
        provider.writer.delete(made.key.id)


def test_all_pages_of_all_listings_are_read(api: Api) -> None:
    with account(api, keys=230, spaces=110) as provider:
        assert len(provider.reader.list_keys([])) == 231
        last = ScopeByName("space-0110")
        assert provider.reader.find_scopes([last])[last].name == "space-0110"


def test_an_id_of_a_space_is_found_with_its_organization() -> None:
    with account("beta") as provider:
        space = provider.reader.find_scopes([PRODUCTION])[PRODUCTION]
        by_id = ScopeById(space.id)
        assert provider.reader.find_scopes([by_id])[by_id] == space


def test_an_unknown_space_is_an_input_error(api: Api) -> None:
    with account(api) as provider, pytest.raises(InputError, match="'prodution' is unknown") as caught:
        provider.reader.find_scopes([ScopeByName("prodution")])
    assert caught.value.advice == "did you mean 'production'?"


def test_a_space_that_is_not_there_cannot_be_listed() -> None:
    with account("beta") as provider, pytest.raises(ProviderRefusedError, match="U3BhY2U6OTk5OTp6WnpA"):
        provider.reader.list_keys([ScopeId("U3BhY2U6OTk5OTp6WnpA")])


def test_a_wrong_credential_is_denied(api: Api) -> None:
    with account(api, credential="ak-wrong") as provider, pytest.raises(ProviderDeniedError, match="401"):
        provider.reader.list_keys([])


def test_the_credential_is_recognized_among_the_keys(api: Api) -> None:
    with account(api) as provider:
        provider.writer.create(make_desired(), expires_at=None)
        assert [key.name for key in provider.reader.list_keys([]) if provider.reader.presents(key.redacted)] == [
            "keyplan sandbox"
        ]


def test_a_key_that_never_was_is_not_accepted(api: Api) -> None:
    with account(api) as provider:
        assert not provider.writer.verify(RawKey("ak-nobody"))


def test_many_threads_share_one_provider_under_a_rate_limit(api: Api) -> None:
    with account(api, rate_limit=50) as provider, ThreadPoolExecutor(8) as pool:
        names = [f"key-{number}" for number in range(60)]
        made = list(pool.map(lambda name: provider.writer.create(make_desired(name), expires_at=None), names))
        assert len({issued.key.id for issued in made}) == len(names)
        assert {issued.key.id for issued in made} <= {key.id for key in provider.reader.list_keys([])}


FAULTS_OF_AN_ANSWER = [
    pytest.param({"action": "drop_after"}, id="connection dropped after the effect"),
    pytest.param({"action": "drop_before"}, id="connection dropped before the effect"),
    pytest.param({"action": "truncate"}, id="half an answer"),
    pytest.param({"action": "status", "status": 500, "when": "after"}, id="500 after the effect"),
    pytest.param({"action": "status", "status": 201, "body": "html", "when": "after"}, id="HTML as success"),
]


@pytest.mark.parametrize("fault", FAULTS_OF_AN_ANSWER)
def test_a_create_whose_answer_is_lost_is_in_doubt_and_sent_once(fault: dict[str, Any]) -> None:
    with account("beta") as provider:
        order_fault(provider, {"method": "POST", **fault})
        with pytest.raises(InDoubtError):
            provider.writer.create(make_desired(), expires_at=None)
        assert len([key for key in provider.reader.list_keys([]) if key.name == "ci"]) == (
            0 if fault["action"] == "drop_before" else 1
        )


@pytest.mark.parametrize("fault", FAULTS_OF_AN_ANSWER)
def test_a_delete_whose_answer_is_lost_is_repeated(fault: dict[str, Any]) -> None:
    with account("beta") as provider:
        made = provider.writer.create(make_desired(), expires_at=None)
        order_fault(provider, {"method": "PUT", **fault})
        provider.writer.delete(made.key.id)
        assert not provider.writer.verify(made.raw)


@pytest.mark.parametrize("fault", [*FAULTS_OF_AN_ANSWER[:2], pytest.param({"action": "truncate"}, id="half a page")])
def test_a_listing_whose_answer_is_lost_is_repeated(fault: dict[str, Any]) -> None:
    with account("beta") as provider:
        provider.reader.laws()
        order_fault(provider, {"method": "GET", **fault})
        assert len(provider.reader.list_keys([])) == 1


def order_fault(provider: ProviderPorts, rule: dict[str, Any]) -> None:
    httpx.post(
        f"{provider.reader.base_url}/_sandbox/faults", json={"faults": [rule]}, trust_env=False
    ).raise_for_status()


def test_a_server_that_is_not_there_is_unavailable_and_nothing_is_in_doubt(arize: Arize) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        context = PluginContext(
            folder="/",
            lineage=Lineage(identity=Identity("ml-platform")),
            clock=arize.clock,
            jitter=lambda most: most,
            resolve=lambda _: Credential("ak-nobody"),
            environment={},
            say=lambda _: None,
        )
        url = f"http://127.0.0.1:{unheard.getsockname()[1]}"
        provider = build(ProviderSettings(options={"base_url": url, "api": "beta"}), context)
        with pytest.raises(ProviderUnavailableError, match="connection refused"):
            provider.writer.create(make_desired(), expires_at=None)
        provider.close()
