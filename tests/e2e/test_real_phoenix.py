"""The installed command on a real Phoenix server: main job, rotation, adoption, drift, removal, crashes and races."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.real_life import RealLife, read
from servers.phoenix import RunningPhoenix
from servers.relay import relaying
from servers.workplace import Workplace

pytestmark = [pytest.mark.providers, pytest.mark.e2e, pytest.mark.enable_socket]


class TestPhoenixLife(RealLife):
    @pytest.fixture
    def place(self, tmp_path: Path, phoenix: RunningPhoenix) -> Iterator[Workplace]:
        self.server = phoenix
        with relaying(phoenix.base_url) as relay:
            credential = "PHOENIX_ADMIN_SECRET", phoenix.admin_secret
            yield Workplace(folder=tmp_path, relay=relay, provider="phoenix", credential=credential)

    def declare(self, name: str, **fields: str) -> str:
        return _write({"name": name, "key_type": "system", **fields})

    def address(self, name: str) -> str:
        return f"system/{name}"

    def accepts(self, raw_key: str) -> bool:
        return self.server.accepts(raw_key)

    def list_ids(self, name: str) -> list[str]:
        with self.server.client() as client:
            return [key["id"] for key in read(client.get("/v1/system/api_keys"))["data"] if key["name"] == name]

    def create(self, name: str) -> str:
        with self.server.client() as client:
            created: str = read(client.post("/v1/system/api_keys", json={"data": {"name": name}}))["data"]["id"]
        return created

    def delete(self, key_id: str) -> None:
        with self.server.client() as client:
            client.delete(f"/v1/system/api_keys/{key_id}").raise_for_status()

    def test_a_key_with_a_life_shows_it(self, place: Workplace, name: str) -> None:
        place.write(self.declare(name, expires_in="90d"))
        self.settle(place, name)
        assert "expires" in place.run("explain", self.address(name)).stdout

    def test_a_refresh_is_refused_with_its_place(self, place: Workplace, name: str) -> None:
        place.write(self.declare(name, rotation="{strategy: refresh}"))
        refused = place.run("validate")
        assert (refused.returncode, "keys.yaml:8:" in refused.stderr + refused.stdout) == (3, True)
        assert "keys of the Phoenix API can't be refreshed" in refused.stderr + refused.stdout


def _write(fields: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}"
