"""The zenml provider on a real ZenML server: what it promises, as far as one server can show it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import pytest
from samples import make_desired
from servers.zenml import ADMIN, ADMIN_PASSWORD, RunningZenml

from keyplan.context import PluginContext
from keyplan.errors import InDoubtError, InputError, KeyplanError, ProviderDeniedError, ProviderRefusedError
from keyplan.model.desired import Desired
from keyplan.model.identity import KeyId, ScopeId
from keyplan.model.manifest import FromEnvironment, Json, KeyType, ProviderSettings, ScopeByName
from keyplan.model.observation import Observation, Scope
from keyplan.ports import Editor, Issued, ProviderPorts
from keyplan.providers.zenml import build, build_reader
from keyplan.providers.zenml.pages import PAGE_SIZE
from keyplan.system.clock import SystemClock
from keyplan.testing.samples import make_context

pytestmark = [pytest.mark.providers, pytest.mark.enable_socket]

NO_GRACE = timedelta(0)
Lose = Callable[[httpx.Request], bool]


class LosingTransport(httpx.BaseTransport):
    """The network, which loses the answer to one request that the server has acted on."""

    def __init__(self, lose: Lose) -> None:
        self._network = httpx.HTTPTransport()
        self._lose = lose
        self.lost = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        answer = self._network.handle_request(request)
        if not self.lost and self._lose(request):
            self.lost += 1
            answer.read()
            answer.close()
            raise httpx.ReadTimeout("")
        return answer

    def close(self) -> None:
        """Close all connections."""
        self._network.close()


@dataclass(frozen=True)
class Account:
    """A service account of its own for a test, and the ports of an administrator."""

    server: RunningZenml
    name: str
    ports: ProviderPorts

    @property
    def scope(self) -> Scope:
        """Return the account as the provider shows it."""
        reference = ScopeByName(self.name)
        return self.ports.reader.find_scopes([reference])[reference]

    def desire(self, name: str = "ingest", description: str = "Used for CI") -> Desired:
        """Return a desired key."""
        desired = make_desired(name, description=description, key_type=KeyType.SERVICE)
        return replace(desired, declaration=replace(desired.declaration, scope=ScopeByName(self.name)))

    def create(self, name: str = "ingest") -> Issued:
        """Create a key."""
        return self.ports.writer.create(self.desire(name), expires_at=None)

    def rotate(self, issued: Issued, grace: timedelta = NO_GRACE) -> Issued:
        """Rotate a key."""
        return self.ports.writer.refresh(issued.key.id, expires_at=None, grace=grace)

    def listed(self) -> dict[KeyId, Observation]:
        """Return the keys of this account."""
        keys = self.ports.reader.list_keys([self.scope.id])
        return {key.id: key for key in keys if key.scope_ids == frozenset([self.scope.id])}


def settings(server: RunningZenml, **options: Json) -> ProviderSettings:
    return ProviderSettings(
        type="zenml", credential=FromEnvironment("SECRET"), options={"base_url": server.base_url, **options}
    )


def context(secret: str, **more: str) -> PluginContext:
    return make_context(environment={"SECRET": secret, **more}, clock=SystemClock())


@pytest.fixture
def ports(zenml: RunningZenml) -> Iterator[ProviderPorts]:
    """Yield the ports of an administrator."""
    built = build(settings(zenml), context(zenml.admin_token))
    yield built
    built.close()


@pytest.fixture
def account(zenml: RunningZenml, ports: ProviderPorts) -> Account:
    """Return a new service account."""
    name = f"ci-{uuid.uuid4().hex[:12]}"
    zenml.create_service_account(name)
    return Account(zenml, name, ports)


# creating


def test_a_created_key_works_and_is_listed_as_answered(account: Account) -> None:
    issued = account.create()
    assert account.listed() == {issued.key.id: issued.key}
    assert issued.key.marker == account.desire().marker
    assert account.server.accepts(issued.raw.reveal())
    assert account.ports.writer.verify(issued.raw)


def test_a_lost_answer_to_a_create_is_asked_for_again_and_makes_one_key(zenml: RunningZenml, account: Account) -> None:
    network = LosingTransport(lambda request: request.method == "POST")
    ports = build(settings(zenml), context(zenml.admin_token), transport=network)
    issued = ports.writer.create(account.desire(), expires_at=None)
    ports.close()
    assert network.lost == 1
    assert account.listed() == {issued.key.id: issued.key}
    assert account.ports.writer.verify(issued.raw)


def test_a_taken_name_is_refused(account: Account) -> None:
    account.create()
    with pytest.raises(ProviderRefusedError) as caught:
        account.create()
    assert caught.value.status == 409
    assert len(account.listed()) == 1


def test_of_creates_at_the_same_time_one_succeeds_and_none_is_called_harmless_wrongly(account: Account) -> None:
    def attempt(_: int) -> Issued | KeyplanError:
        try:
            return account.create()
        except (InDoubtError, ProviderRefusedError) as error:
            return error

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(attempt, range(6)))
    (issued,) = (outcome for outcome in outcomes if isinstance(outcome, Issued))
    assert set(account.listed()) == {issued.key.id}
    assert account.ports.writer.verify(issued.raw)


@pytest.mark.parametrize("name", ["a/b", "..", "two words", "caf\u00e9", "\U0001f511", "x" * 255])
def test_any_name_can_be_created_and_deleted(account: Account, name: str) -> None:
    issued = account.create(name)
    assert account.listed()[issued.key.id].name == name
    account.ports.writer.delete(issued.key.id)
    assert account.listed() == {}


# rotating


def test_a_rotation_without_grace_swaps_the_raw_key(account: Account) -> None:
    old = account.create()
    new = account.rotate(old)
    assert not account.ports.writer.verify(old.raw)
    assert account.ports.writer.verify(new.raw)
    assert new.key.previous_until is None


def test_a_rotation_is_listed_with_the_edition_of_its_answer(account: Account) -> None:
    old = account.create()
    new = account.rotate(old, timedelta(seconds=61))
    listed = account.listed()[old.key.id]
    assert new.key.id == listed.id == old.key.id
    assert new.key.edition == listed.edition != old.key.edition
    assert new.key.previous_until == listed.previous_until == new.key.issued_at + timedelta(minutes=2)
    assert (listed.name, listed.description, listed.marker) == (old.key.name, old.key.description, old.key.marker)
    assert listed.created_at == old.key.created_at


def test_a_key_has_one_previous_raw_key(account: Account) -> None:
    first = account.create()
    second = account.rotate(first, timedelta(minutes=5))
    assert account.ports.writer.verify(first.raw)
    third = account.rotate(first, timedelta(minutes=5))
    assert [account.ports.writer.verify(one.raw) for one in (first, second, third)] == [False, True, True]


def test_a_check_of_a_raw_key_does_not_look_like_a_rotation(account: Account) -> None:
    issued = account.create()
    account.ports.writer.verify(issued.raw)
    assert account.listed()[issued.key.id].edition == issued.key.edition


def test_a_lost_answer_to_a_rotation_is_in_doubt_and_ends_one_raw_key_alone(
    zenml: RunningZenml, account: Account
) -> None:
    old = account.create()
    network = LosingTransport(lambda request: request.url.path.endswith("/rotate"))
    ports = build(settings(zenml), context(zenml.admin_token), transport=network)
    with pytest.raises(InDoubtError):
        ports.writer.refresh(old.key.id, expires_at=None, grace=timedelta(minutes=5))
    ports.close()
    # The consumer's raw key works on: it is the previous one.
    assert account.ports.writer.verify(old.raw)
    assert account.listed()[old.key.id].edition != old.key.edition


def test_a_deleted_key_is_not_rotated(account: Account) -> None:
    issued = account.create()
    account.ports.writer.delete(issued.key.id)
    with pytest.raises(ProviderRefusedError) as caught:
        account.rotate(issued)
    assert caught.value.status == 404


# changing


def test_an_update_changes_texts_and_keeps_raw_key_and_overlap(account: Account) -> None:
    old = account.create()
    new = account.rotate(old, timedelta(minutes=5))
    writer = account.ports.writer
    assert isinstance(writer, Editor)
    changed = writer.update(old.key.id, account.desire("renamed", "Other"))
    assert (changed.name, changed.description) == ("renamed", "Other")
    assert changed.edition == new.key.edition
    assert changed.previous_until == new.key.previous_until
    assert account.listed() == {changed.id: changed}
    assert [writer.verify(one.raw) for one in (old, new)] == [True, True]


def test_an_update_to_a_taken_name_is_refused(account: Account) -> None:
    account.create("one")
    two, writer = account.create("two"), account.ports.writer
    assert isinstance(writer, Editor)
    with pytest.raises(ProviderRefusedError) as caught:
        writer.update(two.key.id, account.desire("one"))
    assert caught.value.status == 409


# deleting


def test_a_deleted_key_is_dead_and_gone_and_deleting_again_is_no_error(zenml: RunningZenml, account: Account) -> None:
    issued = account.create()
    for _ in range(2):
        account.ports.writer.delete(issued.key.id)
    # In a new run, which has to look for the key first.
    other = build(settings(zenml), context(zenml.admin_token))
    other.writer.delete(issued.key.id)
    other.close()
    assert account.listed() == {}
    assert not account.ports.writer.verify(issued.raw)


# listing


def test_no_key_is_missing_from_several_pages_while_others_are_deleted(zenml: RunningZenml, account: Account) -> None:
    with zenml.client() as client:
        path = f"/api/v1/service_accounts/{account.scope.id}/api_keys"
        with ThreadPoolExecutor(4) as pool:
            made = pool.map(lambda n: client.post(path, json={"name": f"key-{n}"}).json(), range(PAGE_SIZE + 10))
        ids = [KeyId(item["id"]) for item in made]
        kept, doomed = ids[20:], ids[:20]
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(lambda: [client.delete(f"{path}/{key_id}").status_code for key_id in doomed])
            while not ended.done():
                assert set(account.listed()) >= set(kept)
        assert ended.result() == [200] * 20
    assert set(account.listed()) == set(kept)


def test_a_suspended_key_is_listed_as_not_active_and_does_not_verify(zenml: RunningZenml, account: Account) -> None:
    issued = account.create()
    with zenml.client() as client:
        path = f"/api/v1/service_accounts/{account.scope.id}/api_keys/{issued.key.id}"
        client.put(path, json={"active": False}).raise_for_status()
    assert [key.active for key in account.listed().values()] == [False]
    assert not account.ports.writer.verify(issued.raw)


def test_an_account_that_was_deleted_is_unknown_and_its_keys_are_gone(zenml: RunningZenml, account: Account) -> None:
    issued, scope = account.create(), account.scope
    with zenml.client() as client:
        client.delete(f"/api/v1/service_accounts/{scope.id}").raise_for_status()
    reader = account.ports.reader
    with pytest.raises(InputError, match="is unknown"):
        reader.find_scopes([ScopeByName(account.name)])
    with pytest.raises(ProviderRefusedError, match="does not exist any more"):
        reader.list_keys([scope.id])
    assert issued.key.id not in {key.id for key in reader.list_keys([])}
    account.ports.writer.delete(issued.key.id)


@pytest.mark.parametrize("change", [str.upper, lambda name: name[:-1], lambda name: f"contains:{name}"])
def test_a_name_is_matched_exactly(account: Account, change: Callable[[str], str]) -> None:
    with pytest.raises(InputError, match="is unknown"):
        account.ports.reader.find_scopes([ScopeByName(change(account.name))])


def test_an_account_is_found_by_its_id(account: Account) -> None:
    by_id = ScopeByName(account.scope.id)
    assert account.ports.reader.find_scopes([by_id])[by_id] == account.scope


# credentials


def test_a_service_account_s_key_reads_and_changes_nothing(zenml: RunningZenml, account: Account) -> None:
    issued = account.create()
    weak = build(settings(zenml), context(issued.raw.reveal()))
    assert issued.key.id in {key.id for key in weak.reader.list_keys([account.scope.id])}
    with pytest.raises(ProviderDeniedError) as caught:
        weak.writer.create(account.desire("two"), expires_at=None)
    assert "the token of an admin user" in caught.value.advice
    with pytest.raises(ProviderDeniedError):
        weak.writer.delete(issued.key.id)
    weak.close()


def test_a_reader_presents_its_own_credential(zenml: RunningZenml, account: Account) -> None:
    issued = account.create()
    chosen = replace(settings(zenml), reader_credential=FromEnvironment("READER"))
    ports = build_reader(chosen, context("not-the-token", READER=issued.raw.reveal()))
    assert issued.key.id in {key.id for key in ports.reader.list_keys([])}
    ports.close()


def test_a_password_logs_in(zenml: RunningZenml, account: Account) -> None:
    ports = build(settings(zenml, username=ADMIN), context(ADMIN_PASSWORD))
    issued = ports.writer.create(account.desire(), expires_at=None)
    # With a cookie of the login, the server would accept any raw key.
    assert ports.writer.verify(account.rotate(issued).raw)
    assert not ports.writer.verify(issued.raw)
    ports.close()


def test_a_wrong_password_is_denied(zenml: RunningZenml) -> None:
    ports = build(settings(zenml, username=ADMIN), context("wrong"))
    with pytest.raises(ProviderDeniedError, match="log in"):
        ports.reader.list_keys([])
    ports.close()


def test_a_wrong_token_is_denied(zenml: RunningZenml) -> None:
    ports = build(settings(zenml), context("wrong"))
    with pytest.raises(ProviderDeniedError):
        ports.reader.list_keys([ScopeId(str(uuid.uuid4()))])
    ports.close()
