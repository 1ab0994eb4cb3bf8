"""What every provider must do, by the laws of its own dialect: subclass `ProviderContract` and give it your provider.

Nothing here knows how the provider is reached: a simulated one and one behind HTTP pass the same tests.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta

import pytest

from keyplan.plugin import (
    Desired,
    InputError,
    KeyId,
    KeyType,
    Observation,
    ProviderPorts,
    ProviderRefusedError,
    RawKey,
    Scope,
    ScopeById,
    ScopeByName,
)
from keyplan.testing.samples import make_desired, make_desired_service

NO_GRACE = timedelta(0)
DAY = timedelta(days=1)


class ProviderContract(ABC):
    """Tests that hold for every implementation of KeyReader and KeyWriter.

    A subclass gives both, and the time::

        class TestAcme(ProviderContract):
            @pytest.fixture
            def ports(self, account: Account) -> ProviderPorts:
                context = make_context(environment={"ACME_API_KEY": account.credential})
                return build(make_provider_settings({"base_url": account.url}, provider_type="acme"), context)

            def now(self) -> datetime:
                return datetime.now(UTC)

    No test looks at keys that it did not create, so that all may share one account.
    """

    @pytest.fixture
    @abstractmethod
    def ports(self, request: pytest.FixtureRequest) -> ProviderPorts:
        """Return both ports to an account that has the spaces `production` and `staging`; a fixture in the subclass."""

    @abstractmethod
    def now(self) -> datetime:
        """Return the provider's own time, aware."""

    def is_accepted(self, ports: ProviderPorts, raw: RawKey) -> bool:
        """Whether a raw key works; override it if there is a better check than the port."""
        return ports.writer.verify(raw)

    @pytest.fixture
    def space(self, ports: ProviderPorts) -> Scope:
        """Return the space `production`."""
        return ports.reader.find_scopes([ScopeByName("production")])[ScopeByName("production")]

    @pytest.fixture
    def desired_user(self) -> Desired:
        """Return a user key to make."""
        return make_desired("ci", description="Used for CI")

    @pytest.fixture
    def desired_service(self, ports: ProviderPorts, space: Scope) -> Desired:
        """Return a service key of `production` to make."""
        return make_desired_service(space, names_organizations=ports.reader.laws().names_organizations)

    def listed(self, ports: ProviderPorts, *spaces: Scope) -> dict[KeyId, Observation]:
        """Return the listing, by id."""
        return {key.id: key for key in ports.reader.list_keys([space.id for space in spaces])}

    # creating and listing

    def test_a_created_key_works(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """The raw key of the answer authenticates at once."""
        assert self.is_accepted(ports, ports.writer.create(desired_user, expires_at=None).raw)

    def test_a_key_that_never_was_does_not_work(self, ports: ProviderPorts) -> None:
        """`verify` can say no."""
        assert not self.is_accepted(ports, RawKey("ak-" + "z" * 50))

    def test_a_created_key_is_listed_as_it_was_asked_for(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """Name, type, description, marker and expiry survive: planning compares each of them."""
        expires_at = self.now().replace(microsecond=0) + DAY
        issued = ports.writer.create(desired_user, expires_at=expires_at)
        key = self.listed(ports)[issued.key.id]
        assert (key.name, key.key_type, key.description) == ("ci", KeyType.USER, "Used for CI")
        assert (key.marker, key.expires_at, key.active) == (desired_user.marker, expires_at, True)

    def test_the_answer_to_a_create_is_what_is_listed(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """A receipt is written from the answer and compared with the listing."""
        issued = ports.writer.create(desired_user, expires_at=None)
        key = self.listed(ports)[issued.key.id]
        assert (issued.key.name, issued.key.redacted, issued.key.created_at) == (key.name, key.redacted, key.created_at)

    def test_the_redacted_form_fits_the_raw_key(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """By the redacted form a plan sees that a key was rotated elsewhere."""
        issued = ports.writer.create(desired_user, expires_at=None)
        assert issued.raw.fits(issued.key.redacted)

    def test_a_key_without_expiry_shows_none(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """No expiry is None, not a date far away."""
        assert ports.writer.create(desired_user, expires_at=None).key.expires_at is None

    def test_a_service_key_is_listed_in_its_space(
        self, ports: ProviderPorts, desired_service: Desired, space: Scope
    ) -> None:
        """Only a dialect whose laws say so shows the space of a key."""
        issued = ports.writer.create(desired_service, expires_at=None)
        key = self.listed(ports, space)[issued.key.id]
        assert key.key_type is KeyType.SERVICE
        assert key.scope_ids == (frozenset([space.id]) if ports.reader.laws().shows_scopes else None)

    def test_access_is_seen_in_full_where_the_dialect_shows_it(
        self, ports: ProviderPorts, desired_service: Desired, space: Scope
    ) -> None:
        """Roles that differ from the declaration show."""
        issued = ports.writer.create(desired_service, expires_at=None)
        key = self.listed(ports, space)[issued.key.id]
        assert key.access == (desired_service.access if ports.reader.laws().shows_scopes else None)

    def test_two_keys_of_one_name_are_two_keys(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """During an overlap both exist."""
        first, second = (ports.writer.create(desired_user, expires_at=None).key.id for _ in range(2))
        assert {first, second} <= set(self.listed(ports))
        assert first != second

    def test_a_listing_is_sorted_by_id_and_names_each_once(
        self, ports: ProviderPorts, desired_user: Desired, desired_service: Desired, space: Scope
    ) -> None:
        """The same account gives the same plan, byte for byte."""
        for desired in (desired_user, desired_service, desired_user):
            ports.writer.create(desired, expires_at=None)
        ids = [key.id for key in ports.reader.list_keys([space.id])]
        assert ids == sorted(set(ids))

    def test_a_search_filters_by_type_and_status(
        self, ports: ProviderPorts, desired_user: Desired, desired_service: Desired
    ) -> None:
        """`keyplan list` shows revoked keys too."""
        user, dead = (ports.writer.create(desired_user, expires_at=None).key.id for _ in range(2))
        service = ports.writer.create(desired_service, expires_at=None).key.id
        ports.writer.delete(dead)
        active = {key.id for key in ports.reader.search_keys(key_type=KeyType.USER, active=True, scope_id=None)}
        every = {key.id for key in ports.reader.search_keys(key_type=None, active=None, scope_id=None)}
        assert active & {user, dead, service} == {user}
        assert {user, dead, service} <= every

    def test_a_service_key_without_spaces_is_refused(self, ports: ProviderPorts) -> None:
        """The provider's refusal is ProviderRefusedError: certainly nothing was created."""
        with pytest.raises(ProviderRefusedError):
            ports.writer.create(make_desired("broken", key_type=KeyType.SERVICE), expires_at=None)

    # spaces

    def test_spaces_are_found_by_name_and_id_alike(self, ports: ProviderPorts, space: Scope) -> None:
        """`space:` and `space_id:` lead to one space."""
        found = ports.reader.find_scopes([ScopeById(space.id), ScopeByName("production")])
        assert {each.id for each in found.values()} == {space.id}

    def test_an_unknown_name_of_a_space_is_the_users_mistake(self, ports: ProviderPorts) -> None:
        """InputError, which quotes the name."""
        with pytest.raises(InputError, match="produktion"):
            ports.reader.find_scopes([ScopeByName("produktion")])

    def test_a_part_of_a_name_is_not_the_name(self, ports: ProviderPorts) -> None:
        """A search by substring must not choose another space."""
        with pytest.raises(InputError):
            ports.reader.find_scopes([ScopeByName("prod")])

    # refreshing

    def test_a_refresh_without_grace_swaps_the_raw_key(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """The old raw key dies with the answer."""
        old = ports.writer.create(desired_user, expires_at=None)
        new = ports.writer.refresh(old.key.id, expires_at=None, grace=NO_GRACE)
        assert self.is_accepted(ports, new.raw)
        assert not self.is_accepted(ports, old.raw)

    def test_a_refresh_keeps_name_type_and_marker(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """The refreshed key is still known as ours."""
        old = ports.writer.create(desired_user, expires_at=None)
        new = ports.writer.refresh(old.key.id, expires_at=None, grace=NO_GRACE)
        key = self.listed(ports)[new.key.id]
        assert (key.name, key.key_type, key.description) == ("ci", KeyType.USER, "Used for CI")
        assert key.marker == desired_user.marker
        assert key.redacted == new.key.redacted

    def test_a_refresh_may_shorten_life(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """Every dialect takes an earlier expiry."""
        now = self.now().replace(microsecond=0)
        old = ports.writer.create(desired_user, expires_at=now + 9 * DAY)
        assert ports.writer.refresh(old.key.id, expires_at=now + DAY, grace=NO_GRACE).key.expires_at == now + DAY

    def test_a_refresh_extends_life_only_by_the_dialects_law(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """Strategy is chosen by the laws, so they must be true."""
        now = self.now().replace(microsecond=0)
        old = ports.writer.create(desired_user, expires_at=now + DAY)
        if ports.reader.laws().refresh_extends_life:
            assert (
                ports.writer.refresh(old.key.id, expires_at=now + 9 * DAY, grace=NO_GRACE).key.expires_at
                == now + 9 * DAY
            )
            return
        with pytest.raises(ProviderRefusedError):
            ports.writer.refresh(old.key.id, expires_at=now + 9 * DAY, grace=NO_GRACE)
        assert self.is_accepted(ports, old.raw)

    def test_grace_keeps_the_old_raw_key_working(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """Consumers have that long to fetch the new one."""
        if not ports.reader.laws().longest_grace:
            pytest.skip("the dialect has no grace")
        old = ports.writer.create(desired_user, expires_at=None)
        new = ports.writer.refresh(old.key.id, expires_at=None, grace=timedelta(hours=1))
        assert self.is_accepted(ports, old.raw)
        assert self.is_accepted(ports, new.raw)

    def test_a_dead_key_is_not_refreshed(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """A refresh must not bring a revoked key back."""
        issued = ports.writer.create(desired_user, expires_at=None)
        ports.writer.delete(issued.key.id)
        with pytest.raises(ProviderRefusedError):
            ports.writer.refresh(issued.key.id, expires_at=None, grace=NO_GRACE)

    # deleting

    def test_a_deleted_key_neither_works_nor_is_listed(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """Listings show live keys only."""
        issued = ports.writer.create(desired_user, expires_at=None)
        ports.writer.delete(issued.key.id)
        assert not self.is_accepted(ports, issued.raw)
        assert issued.key.id not in self.listed(ports)

    def test_deleting_twice_is_no_error(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """`delete` is repeatable."""
        issued = ports.writer.create(desired_user, expires_at=None)
        ports.writer.delete(issued.key.id)
        ports.writer.delete(issued.key.id)

    def test_deleting_one_key_leaves_its_namesake(self, ports: ProviderPorts, desired_user: Desired) -> None:
        """Keys are known by id, never by name."""
        doomed, kept = (ports.writer.create(desired_user, expires_at=None) for _ in range(2))
        ports.writer.delete(doomed.key.id)
        assert self.is_accepted(ports, kept.raw)

    # itself

    def test_the_skew_of_its_clock_is_known_after_an_answer(self, ports: ProviderPorts) -> None:
        """A wrong clock on this machine would expire keys; the user is warned."""
        ports.reader.list_keys([])
        skew = ports.reader.clock_skew()
        assert skew is not None
        assert abs(skew) < timedelta(minutes=5)

    def test_the_address_has_neither_slash_at_the_end_nor_credential(self, ports: ProviderPorts) -> None:
        """It is printed, and remembered in the ledger as the account's name."""
        assert ports.reader.base_url.startswith("http")
        assert not ports.reader.base_url.endswith("/")
        assert "@" not in ports.reader.base_url

    def test_a_redacted_form_of_somebody_else_is_not_presented(self, ports: ProviderPorts) -> None:
        """Only keyplan's own credential is guarded as its own."""
        assert not ports.reader.presents("ak-zzz...zzz")
