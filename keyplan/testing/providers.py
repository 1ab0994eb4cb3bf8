"""What every provider must do, by the laws of its own dialect: subclass `ProviderContract` and give it your provider.

Nothing here knows how the provider is reached: a simulated one and one behind HTTP pass the same tests.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import pytest

from keyplan.plugin import (
    Auditable,
    AuditQuery,
    Desired,
    Editor,
    InputError,
    KeyId,
    KeyType,
    Observation,
    ProviderDeniedError,
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


def rename(desired: Desired, name: str) -> Desired:
    """Return the same key under another name."""
    return replace(desired, declaration=replace(desired.declaration, name=name))


def skip_unless(*, holds: bool, law: str) -> None:
    """Skip the test if a law of the provider does not hold."""
    if not holds:
        pytest.skip(f"by its laws, {law}")


class ProviderContract(ABC):
    """Tests that hold for every implementation of KeyReader and KeyWriter.

    A subclass gives both, and the time::

        class TestAcme(ProviderContract):
            @pytest.fixture
            def ports(self, account: Account) -> ProviderPorts:
                context = make_context(environment={"ACME_ADMIN_KEY": account.credential}, clock=account.clock)
                options = {"base_url": account.url}
                return build(make_provider_settings(options, provider_type="acme", variable="ACME_ADMIN_KEY"), context)

            def now(self) -> datetime:
                return datetime.now(UTC)

    No test looks at keys that it did not create, so that all may share one account. Which tests hold is decided by the
    laws: what a provider has no law for is skipped. A provider whose keys are not those of users or of spaces overrides
    `desired`, and `other_desired` and `space` if it has more than one type of keys, and scopes.
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
        """Return the space `production`; skips the test if keys of the provider have no scopes."""
        if not ports.reader.laws().shows_scopes and KeyType.SERVICE not in ports.reader.laws().key_types:
            pytest.skip("keys of this provider have no scopes")
        return ports.reader.find_scopes([ScopeByName("production")])[ScopeByName("production")]

    @pytest.fixture
    def desired(self, request: pytest.FixtureRequest, ports: ProviderPorts) -> Desired:
        """Return a key to make, of a type that the laws name: `ci`, described as `Used for CI`."""
        key_types = ports.reader.laws().key_types
        if KeyType.USER in key_types:
            return cast("Desired", request.getfixturevalue("desired_user"))
        flat = next((key_type for key_type in (KeyType.SYSTEM, KeyType.API) if key_type in key_types), None)
        if flat is None:
            # Only the author of the provider knows what its service keys belong to.
            pytest.fail("override the fixture `desired`: the laws name no key type without a scope")
        return make_desired("ci", key_type=flat, description="Used for CI")

    @pytest.fixture
    def desired_user(self) -> Desired:
        """Return a user key to make."""
        return make_desired("ci", description="Used for CI")

    @pytest.fixture
    def desired_service(self, ports: ProviderPorts, space: Scope) -> Desired:
        """Return a service key of `production` to make."""
        return make_desired_service(space, names_organizations=ports.reader.laws().names_organizations)

    def scopes(self, ports: ProviderPorts) -> Collection[Scope]:  # noqa: ARG002 - for subclasses
        """Return the scopes to list beside those that a test names; override it if `desired` belongs to one."""
        return ()

    def listed(self, ports: ProviderPorts, *spaces: Scope) -> dict[KeyId, Observation]:
        """Return the listing, by id."""
        scope_ids = {space.id for space in (*self.scopes(ports), *spaces)}
        return {key.id: key for key in ports.reader.list_keys(scope_ids)}

    # creating and listing

    def test_a_created_key_works(self, ports: ProviderPorts, desired: Desired) -> None:
        """The raw key of the answer authenticates at once."""
        assert self.is_accepted(ports, ports.writer.create(desired, expires_at=None).raw)

    def test_a_key_that_never_was_does_not_work(self, ports: ProviderPorts) -> None:
        """`verify` can say no."""
        assert not self.is_accepted(ports, RawKey("ak-" + "z" * 50))

    def test_a_created_key_is_listed_as_it_was_asked_for(self, ports: ProviderPorts, desired: Desired) -> None:
        """Name, type, description, marker and expiry survive: planning compares each of them."""
        expires_at = self.now().replace(microsecond=0) + DAY if ports.reader.laws().takes_expiry else None
        issued = ports.writer.create(desired, expires_at=expires_at)
        key = self.listed(ports)[issued.key.id]
        declared = desired.declaration
        assert (key.name, key.key_type, key.description) == (declared.name, declared.key_type, declared.description)
        assert (key.marker, key.expires_at, key.active) == (desired.marker, expires_at, True)

    def test_the_answer_to_a_create_is_what_is_listed(self, ports: ProviderPorts, desired: Desired) -> None:
        """A receipt is written from the answer and compared with the listing."""
        issued = ports.writer.create(desired, expires_at=None)
        key = self.listed(ports)[issued.key.id]
        assert (issued.key.name, issued.key.redacted, issued.key.created_at) == (key.name, key.redacted, key.created_at)

    def test_the_redacted_form_fits_the_raw_key(self, ports: ProviderPorts, desired: Desired) -> None:
        """By the redacted form a plan sees that a key was rotated elsewhere."""
        skip_unless(holds=ports.reader.laws().shows_redacted, law="no redacted form is shown")
        issued = ports.writer.create(desired, expires_at=None)
        assert issued.raw.fits(issued.key.redacted)

    def test_a_key_without_expiry_shows_none(self, ports: ProviderPorts, desired: Desired) -> None:
        """No expiry is None, not a date far away."""
        assert ports.writer.create(desired, expires_at=None).key.expires_at is None

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

    def test_two_keys_of_one_name_are_two_keys_unless_a_law_forbids_it(
        self, ports: ProviderPorts, desired: Desired
    ) -> None:
        """During an overlap both exist; if names are unique, the second create is refused and the first key stays."""
        first = ports.writer.create(desired, expires_at=None)
        if ports.reader.laws().has_unique_names:
            with pytest.raises(ProviderRefusedError):
                ports.writer.create(desired, expires_at=None)
            assert self.is_accepted(ports, first.raw)
            return
        second = ports.writer.create(desired, expires_at=None)
        assert first.key.id != second.key.id
        assert {first.key.id, second.key.id} <= set(self.listed(ports))

    def test_a_listing_is_sorted_by_id_and_names_each_once(self, ports: ProviderPorts, desired: Desired) -> None:
        """The same account gives the same plan, byte for byte."""
        for number in range(3):
            ports.writer.create(rename(desired, f"{desired.declaration.name}-{number}"), expires_at=None)
        ids = [key.id for key in ports.reader.list_keys([scope.id for scope in self.scopes(ports)])]
        assert ids == sorted(set(ids))

    def test_keys_of_several_types_and_scopes_are_sorted_together(
        self, ports: ProviderPorts, desired: Desired, desired_service: Desired, space: Scope
    ) -> None:
        """Listings of several types and scopes are merged."""
        for each in (desired, desired_service, desired):
            ports.writer.create(each, expires_at=None)
        ids = [key.id for key in ports.reader.list_keys([space.id])]
        assert ids == sorted(set(ids))

    def test_a_complete_listing_proves_absence_by_law_alone(self, ports: ProviderPorts, desired: Desired) -> None:
        """A key that no listing shows blocks its address, unless the law says that it is certainly gone."""
        issued = ports.writer.create(desired, expires_at=None)
        ports.writer.delete(issued.key.id)
        dead = {key.id for key in ports.reader.search_keys(key_type=None, active=False, scope_id=None)}
        assert (issued.key.id in dead) is not ports.reader.laws().listing_proves_absence

    def test_a_search_filters_by_type_and_status(
        self, ports: ProviderPorts, desired: Desired, desired_service: Desired
    ) -> None:
        """`keyplan list` shows revoked keys too."""
        skip_unless(holds=not ports.reader.laws().listing_proves_absence, law="dead keys are not listed")
        user, dead = (ports.writer.create(desired, expires_at=None).key.id for _ in range(2))
        service = ports.writer.create(desired_service, expires_at=None).key.id
        ports.writer.delete(dead)
        active = {
            key.id
            for key in ports.reader.search_keys(key_type=desired.declaration.key_type, active=True, scope_id=None)
        }
        every = {key.id for key in ports.reader.search_keys(key_type=None, active=None, scope_id=None)}
        assert active & {user, dead, service} == {user}
        assert {user, dead, service} <= every

    def test_a_service_key_without_spaces_is_refused(self, ports: ProviderPorts, space: Scope) -> None:
        """The provider's refusal is ProviderRefusedError: certainly nothing was created."""
        assert space.id
        with pytest.raises(ProviderRefusedError):
            ports.writer.create(make_desired("broken", key_type=KeyType.SERVICE), expires_at=None)

    # spaces

    def test_spaces_are_found_by_name_and_id_alike(self, ports: ProviderPorts, space: Scope) -> None:
        """`space:` and `space_id:` lead to one space."""
        found = ports.reader.find_scopes([ScopeById(space.id), ScopeByName("production")])
        assert {each.id for each in found.values()} == {space.id}

    def test_an_unknown_name_of_a_space_is_the_users_mistake(self, ports: ProviderPorts, space: Scope) -> None:
        """InputError, which quotes the name."""
        assert space.name == "production"
        with pytest.raises(InputError, match="produktion"):
            ports.reader.find_scopes([ScopeByName("produktion")])

    def test_a_part_of_a_name_is_not_the_name(self, ports: ProviderPorts, space: Scope) -> None:
        """A search by substring must not choose another space."""
        assert space.name == "production"
        with pytest.raises(InputError):
            ports.reader.find_scopes([ScopeByName("prod")])

    # refreshing

    def test_a_refresh_without_grace_swaps_the_raw_key(self, ports: ProviderPorts, desired: Desired) -> None:
        """The old raw key dies with the answer."""
        skip_unless(holds=ports.reader.laws().has_refresh, law="no key can be refreshed")
        old = ports.writer.create(desired, expires_at=None)
        new = ports.writer.refresh(old.key.id, expires_at=None, grace=NO_GRACE)
        assert self.is_accepted(ports, new.raw)
        assert not self.is_accepted(ports, old.raw)

    def test_a_refresh_keeps_name_type_and_marker(self, ports: ProviderPorts, desired: Desired) -> None:
        """The refreshed key is still known as ours."""
        skip_unless(holds=ports.reader.laws().has_refresh, law="no key can be refreshed")
        old = ports.writer.create(desired, expires_at=None)
        new = ports.writer.refresh(old.key.id, expires_at=None, grace=NO_GRACE)
        key = self.listed(ports)[new.key.id]
        declared = desired.declaration
        assert (key.name, key.key_type, key.description) == (declared.name, declared.key_type, declared.description)
        assert key.marker == desired.marker
        assert key.redacted == new.key.redacted

    def test_a_refresh_may_shorten_life(self, ports: ProviderPorts, desired: Desired) -> None:
        """Every dialect takes an earlier expiry."""
        skip_unless(holds=ports.reader.laws().takes_expiry, law="no key has an expiry")
        skip_unless(holds=ports.reader.laws().has_refresh, law="no key can be refreshed")
        now = self.now().replace(microsecond=0)
        old = ports.writer.create(desired, expires_at=now + 9 * DAY)
        assert ports.writer.refresh(old.key.id, expires_at=now + DAY, grace=NO_GRACE).key.expires_at == now + DAY

    def test_a_refresh_extends_life_only_by_the_dialects_law(self, ports: ProviderPorts, desired: Desired) -> None:
        """Strategy is chosen by the laws, so they must be true."""
        skip_unless(holds=ports.reader.laws().takes_expiry, law="no key has an expiry")
        skip_unless(holds=ports.reader.laws().has_refresh, law="no key can be refreshed")
        now = self.now().replace(microsecond=0)
        old = ports.writer.create(desired, expires_at=now + DAY)
        if ports.reader.laws().refresh_extends_life:
            assert (
                ports.writer.refresh(old.key.id, expires_at=now + 9 * DAY, grace=NO_GRACE).key.expires_at
                == now + 9 * DAY
            )
            return
        with pytest.raises(ProviderRefusedError):
            ports.writer.refresh(old.key.id, expires_at=now + 9 * DAY, grace=NO_GRACE)
        assert self.is_accepted(ports, old.raw)

    def test_grace_keeps_the_old_raw_key_working(self, ports: ProviderPorts, desired: Desired) -> None:
        """Consumers have that long to fetch the new one."""
        skip_unless(holds=ports.reader.laws().has_refresh, law="no key can be refreshed")
        skip_unless(holds=bool(ports.reader.laws().longest_grace), law="there is no grace")
        old = ports.writer.create(desired, expires_at=None)
        new = ports.writer.refresh(old.key.id, expires_at=None, grace=timedelta(hours=1))
        assert self.is_accepted(ports, old.raw)
        assert self.is_accepted(ports, new.raw)

    def test_a_dead_key_is_not_refreshed(self, ports: ProviderPorts, desired: Desired) -> None:
        """A refresh must not bring a revoked key back."""
        skip_unless(holds=ports.reader.laws().has_refresh, law="no key can be refreshed")
        issued = ports.writer.create(desired, expires_at=None)
        ports.writer.delete(issued.key.id)
        with pytest.raises(ProviderRefusedError):
            ports.writer.refresh(issued.key.id, expires_at=None, grace=NO_GRACE)

    def test_what_has_no_refresh_refuses_it_and_changes_nothing(self, ports: ProviderPorts, desired: Desired) -> None:
        """A plan never asks for it; a mistake must not cost a working key."""
        skip_unless(holds=not ports.reader.laws().has_refresh, law="keys can be refreshed")
        issued = ports.writer.create(desired, expires_at=None)
        with pytest.raises(InputError):
            ports.writer.refresh(issued.key.id, expires_at=None, grace=NO_GRACE)
        assert self.is_accepted(ports, issued.raw)

    # changing texts

    def test_the_writer_edits_what_the_laws_call_editable(self, ports: ProviderPorts) -> None:
        """Planning asks for an update by the laws, and the applier needs the method."""
        skip_unless(holds=bool(ports.reader.laws().editable), law="no text of a key can be changed")
        assert isinstance(ports.writer, Editor)

    def test_an_update_changes_texts_and_keeps_id_and_raw_key(self, ports: ProviderPorts, desired: Desired) -> None:
        """No consumer notices that a key is described differently."""
        editable = ports.reader.laws().editable
        skip_unless(holds="description" in editable, law="no description can be changed")
        assert isinstance(ports.writer, Editor)
        issued = ports.writer.create(desired, expires_at=None)
        changed = replace(desired.declaration, description="Another use")
        if "name" in editable:
            changed = replace(changed, name=f"{changed.name}-renamed")
        updated = ports.writer.update(issued.key.id, replace(desired, declaration=changed))
        key = self.listed(ports)[issued.key.id]
        assert updated.id == issued.key.id
        assert (key.name, key.description, key.marker) == (changed.name, "Another use", desired.marker)
        assert self.is_accepted(ports, issued.raw)

    # the log

    def test_a_log_of_changes_can_be_read_or_is_denied(self, ports: ProviderPorts, desired: Desired) -> None:
        """Drift names who changed a key; a credential that may not read the log must not end a run otherwise."""
        if not isinstance(ports.reader, Auditable):
            pytest.skip("the provider has no log that keyplan reads")
        key_id = ports.writer.create(desired, expires_at=None).key.id
        now = self.now()
        query = AuditQuery(key_ids=frozenset({key_id}), since=now - DAY, until=now + DAY, entries=100, time=DAY)
        try:
            log = ports.reader.read_audit(query)
        except (ProviderDeniedError, ProviderRefusedError):
            return
        assert all(key_id in entry.key_ids for entry in log.entries)

    # deleting

    def test_a_deleted_key_neither_works_nor_is_listed(self, ports: ProviderPorts, desired: Desired) -> None:
        """Listings show live keys only."""
        issued = ports.writer.create(desired, expires_at=None)
        ports.writer.delete(issued.key.id)
        assert not self.is_accepted(ports, issued.raw)
        assert issued.key.id not in self.listed(ports)

    def test_deleting_twice_is_no_error(self, ports: ProviderPorts, desired: Desired) -> None:
        """`delete` is repeatable."""
        issued = ports.writer.create(desired, expires_at=None)
        ports.writer.delete(issued.key.id)
        ports.writer.delete(issued.key.id)

    def test_deleting_one_key_leaves_its_namesake(self, ports: ProviderPorts, desired: Desired) -> None:
        """Keys are known by id, never by name."""
        skip_unless(holds=not ports.reader.laws().has_unique_names, law="names are unique")
        doomed, kept = (ports.writer.create(desired, expires_at=None) for _ in range(2))
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
