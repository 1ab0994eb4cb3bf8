"""The installed command on a real ZenML server: as on Phoenix, and updates, one earlier raw key, lost rotations."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from e2e.real_life import NO_CHANGES, RealLife, read
from servers.relay import Break, relaying
from servers.workplace import Workplace
from servers.zenml import RunningZenml

pytestmark = [pytest.mark.providers, pytest.mark.e2e, pytest.mark.enable_socket]

_ACCOUNTS = count(1)


class TestZenmlLife(RealLife):
    adopt = "refresh"
    survivors = 1

    @pytest.fixture
    def place(self, tmp_path: Path, zenml: RunningZenml) -> Iterator[Workplace]:
        self.server, self.account = zenml, f"account-{next(_ACCOUNTS)}"
        self.base = f"/api/v1/service_accounts/{zenml.create_service_account(self.account)}/api_keys"
        with relaying(zenml.base_url) as relay:
            credential = "ZENML_ADMIN_TOKEN", zenml.admin_token
            yield Workplace(folder=tmp_path, relay=relay, provider="zenml", credential=credential)

    def declare(self, name: str, **fields: str) -> str:
        given = {"name": name, "key_type": "service", "service_account": self.account, **fields}
        return "{" + ", ".join(f"{field}: {value}" for field, value in given.items()) + "}"

    def address(self, name: str) -> str:
        return f"service/{self.account}/{name}"

    def accepts(self, raw_key: str) -> bool:
        return self.server.accepts(raw_key)

    def list_ids(self, name: str) -> list[str]:
        with self.server.client() as client:
            return [key["id"] for key in read(client.get(f"{self.base}?size=1000"))["items"] if key["name"] == name]

    def create(self, name: str) -> str:
        with self.server.client() as client:
            created: str = read(client.post(self.base, json={"name": name}))["id"]
        return created

    def delete(self, key_id: str) -> None:
        with self.server.client() as client:
            client.delete(f"{self.base}/{key_id}").raise_for_status()

    def rotate(self, key_id: str) -> None:
        """Rotate a key as a user does by hand."""
        with self.server.client() as client:
            client.put(f"{self.base}/{key_id}/rotate", json={"retain_period_minutes": 0}).raise_for_status()

    def test_a_changed_description_is_an_update_and_the_raw_key_stays(self, place: Workplace, name: str) -> None:
        place.write(self.declare(name, description="Nightly"))
        raw = self.settle(place, name)
        place.write(self.declare(name, description="Hourly"))
        assert "Plan: 0 to add, 1 to change, 0 to destroy." in place.run("plan").stdout
        assert self.settle(place, name) == raw

    def test_a_key_rotated_by_hand_is_drift_and_rotated_again(self, place: Workplace, name: str) -> None:
        place.write(self.declare(name, rotation="{overlap: 0s}"))
        old = self.settle(place, name)
        self.rotate(self.list_ids(name)[0])
        assert place.run("drift").returncode == 2
        assert self.settle(place, name) != old

    def test_a_second_rotation_waits_for_the_overlap_of_the_first(self, place: Workplace, name: str) -> None:
        place.write(self.declare(name, rotation="{overlap: 2h}"))
        old = self.settle(place, name)
        assert place.run("rotate", "--auto-approve", self.address(name)).returncode == 0
        waits = place.run("rotate", "--auto-approve", self.address(name))
        assert (waits.returncode, self.accepts(old)) == (4, True)
        assert "previous_key" in waits.stdout

    @pytest.mark.parametrize("how", list(Break))
    def test_a_broken_rotation_leaves_the_raw_key_that_consumers_hold(
        self, place: Workplace, name: str, how: Break
    ) -> None:
        place.write(self.declare(name, rotation="{overlap: 2h}"))
        old = self.settle(place, name)
        place.write(self.declare(name, rotation="{overlap: 2h, generation: 2}"))
        assert place.break_apply(1, how)
        assert self.accepts(old), "the consumers' raw key was ended"
        again = place.apply()
        if how is Break.KILL_BEFORE:
            assert again.returncode == 0, again.stdout + again.stderr
        else:
            # The lost raw key is held nowhere; another rotation now would end the one that consumers hold.
            assert (again.returncode, "previous_key" in again.stdout) == (4, True), again.stdout
        assert self.accepts(old)
        if how is not Break.KILL_BEFORE:
            assert place.run("rotate", "--now", "--auto-approve", self.address(name)).returncode == 0
        assert self.accepts(place.read_key(name))
        assert NO_CHANGES in place.run("plan").stdout

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            pytest.param({"expires_in": "90d"}, "keys of the ZenML API have no expiry", id="a life"),
            pytest.param({"rotation": "{strategy: replace}"}, "names are unique in the ZenML API", id="replace"),
            pytest.param({"rotation": "{retire: when_unused}"}, "retire: when_unused needs last_used_at", id="unused"),
        ],
    )
    def test_what_the_server_would_drop_is_refused_with_its_place(
        self, place: Workplace, name: str, fields: dict[str, str], message: str
    ) -> None:
        place.write(self.declare(name, **fields))
        refused = place.run("plan")
        said = refused.stdout + refused.stderr
        assert (refused.returncode, "keys.yaml:8:" in said, message in said) == (3, True, True), said
