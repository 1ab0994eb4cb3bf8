"""The provider passes keyplan's contract, and withstands what a server can do to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import entry_points

import jsonschema
import pytest
from keyplan_latchkey import OPTIONS, build, build_reader, find_laws, find_named_url
from latchkey_server import Latchkey, LatchkeyHandler, running

from keyplan.plugin import (
    Desired,
    InDoubtError,
    InputError,
    Json,
    KeyType,
    ProviderDeniedError,
    ProviderPorts,
    ProviderSettings,
    ProviderUnavailableError,
    RawKey,
)
from keyplan.testing.providers import ProviderContract
from keyplan.testing.samples import SimulatedClock, make_context, make_desired, make_provider_settings

ADMIN = "lk_admin-of-this-test"


@pytest.fixture
def server() -> Iterator[Latchkey]:
    with running(ADMIN) as latchkey:
        yield latchkey


def make_settings(server: Latchkey) -> ProviderSettings:
    options = {"base_url": server.url, "patience_seconds": 10}
    return make_provider_settings(options, provider_type="latchkey", variable="LATCHKEY_ADMIN_KEY")


def open_ports(server: Latchkey, credential: str = ADMIN) -> ProviderPorts:
    clock = SimulatedClock(datetime.now(UTC))
    return build(make_settings(server), make_context(environment={"LATCHKEY_ADMIN_KEY": credential}, clock=clock))


@pytest.fixture
def ports(server: Latchkey) -> Iterator[ProviderPorts]:
    opened = open_ports(server)
    yield opened
    opened.close()


@pytest.fixture
def desired() -> Desired:
    return make_desired("ci", key_type=KeyType.API, description="Used for CI")


class TestLatchkey(ProviderContract):
    @pytest.fixture
    def ports(self, server: Latchkey) -> Iterator[ProviderPorts]:
        opened = open_ports(server)
        yield opened
        opened.close()

    def now(self) -> datetime:
        return datetime.now(UTC)


def test_keyplan_finds_it_by_its_type() -> None:
    (found,) = entry_points(group="keyplan.providers", name="latchkey")
    assert found.load().OPTIONS is OPTIONS


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        pytest.param({"base_url": "https://keys.example.com"}, True, id="an address is enough"),
        pytest.param({}, False, id="no address"),
        pytest.param({"base_url": "https://keys.example.com", "region": "x"}, False, id="an unknown option"),
    ],
)
def test_options_are_checked_before_anything_runs(options: dict[str, Json], fits: bool) -> None:
    assert jsonschema.Draft202012Validator(OPTIONS).is_valid(options) is fits


def test_a_credential_never_goes_to_another_machine_in_the_clear() -> None:
    assert find_named_url({"base_url": "https://keys.example.com/"}) == "https://keys.example.com"
    with pytest.raises(InputError):
        find_laws({"base_url": "http://keys.example.com"})


def test_nothing_is_sent_before_the_first_call(server: Latchkey) -> None:
    open_ports(server).close()
    assert server.requests == []


def test_a_reader_can_change_nothing_and_reads_all_pages(
    server: Latchkey, ports: ProviderPorts, desired: Desired
) -> None:
    ids = {ports.writer.create(desired, expires_at=None).key.id for _ in range(5)}
    found = build_reader(make_settings(server), make_context(environment={"LATCHKEY_ADMIN_KEY": ADMIN}))
    assert {key.id for key in found.reader.list_keys(())} == ids
    assert not hasattr(found.reader, "create")
    found.close()


def test_a_listing_is_repeated_until_it_is_whole(server: Latchkey, ports: ProviderPorts, desired: Desired) -> None:
    ports.writer.create(desired, expires_at=None)
    server.faults.extend([503, 429, 0])
    assert len(ports.reader.list_keys(())) == 1


def test_a_listing_that_stays_broken_is_an_error_and_not_a_short_list(server: Latchkey, ports: ProviderPorts) -> None:
    server.faults.extend([503] * 1000)
    with pytest.raises(ProviderUnavailableError):
        ports.reader.list_keys(())


@pytest.mark.parametrize("fault", [pytest.param(0, id="no answer"), pytest.param(503, id="the server fails")])
def test_a_create_that_may_have_happened_is_in_doubt_and_never_repeated(
    server: Latchkey, ports: ProviderPorts, desired: Desired, fault: int
) -> None:
    server.faults.append(fault)
    with pytest.raises(InDoubtError):
        ports.writer.create(desired, expires_at=None)
    assert server.requests == ["POST /keys"]


def test_a_create_that_was_only_throttled_is_repeated(server: Latchkey, ports: ProviderPorts, desired: Desired) -> None:
    server.faults.append(429)
    ports.writer.create(desired, expires_at=None)
    assert (len(server.keys), len(server.requests)) == (1, 2)


def test_a_deletion_whose_answer_was_lost_is_repeated_and_succeeds(
    server: Latchkey, ports: ProviderPorts, desired: Desired
) -> None:
    key_id = ports.writer.create(desired, expires_at=None).key.id
    server.faults.append(0)
    ports.writer.delete(key_id)
    assert server.keys == {}


def test_a_wrong_credential_is_named_by_its_variable_and_never_quoted(server: Latchkey) -> None:
    wrong = open_ports(server, "lk_somebody-elses")
    with pytest.raises(ProviderDeniedError) as caught:
        wrong.reader.list_keys(())
    assert "LATCHKEY_ADMIN_KEY" in caught.value.advice
    assert "lk_somebody-elses" not in f"{caught.value!r}{caught.value.__cause__!r}"
    wrong.close()


def test_no_message_about_an_answer_quotes_the_raw_key(
    server: Latchkey, ports: ProviderPorts, desired: Desired, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = LatchkeyHandler.send_answer

    def answer_oddly(handler: LatchkeyHandler, status: int, values: dict[str, object]) -> None:
        answer(handler, status, values | {"created": "yesterday"})

    monkeypatch.setattr(LatchkeyHandler, "send_answer", answer_oddly)
    with pytest.raises(InDoubtError) as caught:
        ports.writer.create(desired, expires_at=None)
    (key,) = server.keys.values()
    assert key["secret"] not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"


def test_an_answer_that_says_nothing_proves_nothing_about_a_raw_key(server: Latchkey, ports: ProviderPorts) -> None:
    server.find_caller = lambda raw: 1 / 0  # type: ignore[method-assign, assignment, return-value] # noqa: ARG005 - fails
    server.handle_error = lambda *_: None  # type: ignore[method-assign, misc]  # a client that hangs up is expected
    with pytest.raises(ProviderUnavailableError):
        ports.writer.verify(RawKey("lk_" + "z" * 40))
