"""The definitions in `examples/providers`, each against a stand-in of its vendor."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from providers.http.connected import connect_vendor
from providers.http.vendors import VENDORS, LiteLLM, OpenAI, OpenRouter, Vendor

from keyplan.errors import ProviderDeniedError
from keyplan.model.desired import Desired
from keyplan.model.manifest import KeyType
from keyplan.model.secret import RawKey
from keyplan.ports import ProviderPorts
from keyplan.testing.samples import make_desired

DAY = timedelta(days=1)


@pytest.fixture(params=VENDORS, ids=lambda kind: kind.__name__)
def vendor(request: pytest.FixtureRequest) -> Vendor:
    """Return a stand-in without keys."""
    made: Vendor = request.param()
    return made


@pytest.fixture
def ports(vendor: Vendor) -> ProviderPorts:
    """Return reader and writer of its account."""
    return connect_vendor(vendor)


@pytest.fixture
def desired() -> Desired:
    """Return a key to make."""
    return make_desired("ci", key_type=KeyType.API)


def test_a_created_key_works_and_a_made_up_one_does_not(ports: ProviderPorts, desired: Desired) -> None:
    assert ports.writer.verify(ports.writer.create(desired, expires_at=None).raw)
    assert not ports.writer.verify(RawKey("sk-" + "z" * 40))


def test_a_created_key_is_listed_under_its_bare_name_with_its_marker(ports: ProviderPorts, desired: Desired) -> None:
    issued = ports.writer.create(desired, expires_at=None)
    (key,) = ports.reader.list_keys(())
    assert (key.id, key.name, key.marker) == (issued.key.id, "ci", desired.marker)
    assert (key.key_type, key.active, key.scope_ids) == (KeyType.API, True, None)


def test_the_answer_to_a_create_is_what_is_listed(ports: ProviderPorts, desired: Desired) -> None:
    issued = ports.writer.create(desired, expires_at=None).key
    (key,) = ports.reader.list_keys(())
    assert (issued.name, issued.marker, issued.redacted, issued.expires_at, issued.created_at) == (
        key.name,
        key.marker,
        key.redacted,
        key.expires_at,
        key.created_at,
    )


def test_an_expiry_survives_where_keys_have_one(ports: ProviderPorts, vendor: Vendor, desired: Desired) -> None:
    if not ports.reader.laws().takes_expiry:
        return
    expires_at = vendor.clock.now() + 30 * DAY
    issued = ports.writer.create(desired, expires_at=expires_at)
    (key,) = ports.reader.list_keys(())
    assert key.expires_at == issued.key.expires_at == expires_at


def test_the_redacted_form_fits_the_raw_key(ports: ProviderPorts, desired: Desired) -> None:
    issued = ports.writer.create(desired, expires_at=None)
    assert bool(issued.key.redacted) is ports.reader.laws().shows_redacted
    assert not issued.key.redacted or issued.raw.fits(issued.key.redacted)


def test_two_keys_of_one_name_are_two_keys(ports: ProviderPorts, desired: Desired) -> None:
    ids = {ports.writer.create(desired, expires_at=None).key.id for _ in range(2)}
    assert {key.id for key in ports.reader.list_keys(())} == ids
    assert len(ids) == 2


def test_a_deleted_key_is_neither_accepted_nor_listed_and_can_be_deleted_again(
    ports: ProviderPorts, desired: Desired
) -> None:
    doomed, kept = (ports.writer.create(desired, expires_at=None) for _ in range(2))
    for _ in range(2):
        ports.writer.delete(doomed.key.id)
    assert not ports.writer.verify(doomed.raw)
    assert ports.writer.verify(kept.raw)
    assert [key.id for key in ports.reader.list_keys(())] == [kept.key.id]


def test_a_listing_of_several_pages_is_whole(ports: ProviderPorts, vendor: Vendor, desired: Desired) -> None:
    ids = {ports.writer.create(desired, expires_at=None).key.id for _ in range(205)}
    before = len(vendor.requests)
    listed = [key.id for key in ports.reader.list_keys(())]
    assert listed == sorted(ids)
    pages = {"OpenRouter": 4, "OpenAI": 3, "Langfuse": 1, "LiteLLM": 3}
    assert len(vendor.requests) - before == pages[type(vendor).__name__]


def test_the_credential_of_another_account_is_refused(vendor: Vendor, desired: Desired) -> None:
    ports = connect_vendor(vendor, credential="pk-another:sk-another")
    with pytest.raises(ProviderDeniedError, match="401"):
        ports.writer.create(desired, expires_at=None)
    assert vendor.items == {}


def test_no_raw_key_stands_in_what_a_listing_gives(ports: ProviderPorts, desired: Desired) -> None:
    issued = ports.writer.create(desired, expires_at=None)
    said = " ".join(key.to_json() for key in ports.reader.list_keys(()))
    assert issued.key.id in said
    assert issued.raw.reveal() not in said


def test_openrouter_shows_expired_and_disabled_keys_because_they_are_asked_for(desired: Desired) -> None:
    vendor = OpenRouter()
    ports = connect_vendor(vendor)
    ended = ports.writer.create(desired, expires_at=vendor.clock.now() + DAY)
    disabled = ports.writer.create(desired, expires_at=None)
    vendor.items[disabled.key.id]["disabled"] = True
    vendor.clock.sleep(2 * DAY)
    assert [key.id for key in ports.reader.list_keys(())] == [ended.key.id]
    dead = ports.reader.search_keys(key_type=None, active=False, scope_id=None)
    assert [key.id for key in dead] == [disabled.key.id]


def test_openai_deletes_the_service_account_and_not_only_its_key(desired: Desired) -> None:
    vendor = OpenAI()
    ports = connect_vendor(vendor)
    issued = ports.writer.create(desired, expires_at=None)
    ports.writer.delete(issued.key.id)
    assert vendor.requests[-1].url.path.endswith(f"/service_accounts/{issued.key.id}")
    assert vendor.items == {}


def test_each_project_is_an_account_of_its_own() -> None:
    address = "https://vendor.test/v1/organization/projects/proj_1/service_accounts"
    assert connect_vendor(OpenAI()).reader.base_url == address
    assert connect_vendor(OpenRouter()).reader.base_url == "https://vendor.test"


def test_litellm_keeps_the_description_beside_the_marker() -> None:
    vendor = LiteLLM()
    ports = connect_vendor(vendor)
    ports.writer.create(make_desired("ci", key_type=KeyType.API, description="Used for CI"), expires_at=None)
    (key,) = ports.reader.list_keys(())
    assert (key.name, key.description) == ("ci", "Used for CI")
    (item,) = vendor.items.values()
    assert item["metadata"]["description"].startswith("Used for CI [keyplan ")


def test_every_stand_in_makes_raw_keys_of_the_vendor_s_own_shape(vendor: Vendor) -> None:
    vendor.numbers = count(7)
    prefixes = {"OpenRouter": "sk-or-v1-", "OpenAI": "sk-svcacct-", "Langfuse": "pk-lf-", "LiteLLM": "sk-"}
    connect_vendor(vendor).writer.create(make_desired("ci", key_type=KeyType.API), expires_at=None)
    (raw,) = vendor.raws
    assert raw.startswith(prefixes[type(vendor).__name__])
