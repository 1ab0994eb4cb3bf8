"""What is tried at a provider, how each lie of a server shows, and that no key is left behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from providers.http.connected import connect_vendor
from providers.http.vendors import VENDORS, OpenRouter, Vendor
from simulator import World

from keyplan.app.provider_trial import try_provider
from keyplan.model.provider_trial import ProviderTrial, TrialOutcome
from keyplan.ports import ProviderPorts
from keyplan.simulated.effects import EffectFault as Fault

CLEANED = "every key that was made is deleted again"


class Going:
    """Lets the run go on until it was asked so often."""

    def __init__(self, times: int = 99) -> None:
        self._left = times

    def requested(self) -> int | None:
        """Return SIGINT once it was asked often enough."""
        self._left -= 1
        return None if self._left >= 0 else 2


def try_vendor(vendor: Vendor, stop: Going | None = None) -> ProviderTrial:
    return try_provider(connect_vendor(vendor), vendor.clock, stop or Going())


def find_failed(trial: ProviderTrial) -> dict[str, str]:
    return {row.subject: row.detail for row in trial.rows if row.outcome is TrialOutcome.FAILED}


def try_world(world: World) -> ProviderTrial:
    return try_provider(ProviderPorts(reader=world.provider, writer=world.provider), world.clock, Going())


@pytest.mark.parametrize("kind", VENDORS, ids=lambda kind: kind.__name__)
def test_an_example_passes_at_the_stand_in_of_its_vendor_and_leaves_nothing(kind: type[Vendor]) -> None:
    vendor = kind()
    trial = try_vendor(vendor)
    assert find_failed(trial) == {}
    assert trial.exit_status == 0
    assert trial.rows[-1].subject == CLEANED
    assert vendor.items == {}
    assert sum(request.method == "POST" for request in vendor.requests) >= 2


def test_a_provider_that_refreshes_is_tried_with_refreshes() -> None:
    world = World()
    trial = try_world(world)
    assert find_failed(trial) == {}
    assert "a refresh swaps the raw key" in {row.subject for row in trial.rows if row.outcome is TrialOutcome.PASSED}
    assert world.provider.list_keys(()) == ()


def lie(vendor: Vendor, change: Callable[[httpx.Request, httpx.Response], httpx.Response]) -> None:
    """Let a vendor's server answer something else."""
    honest = vendor.answer
    vendor.answer = lambda request, secret: change(request, honest(request, secret))  # type: ignore[method-assign]  # the stand-in is ours


def change_items(change: Callable[[dict[str, Any]], None]) -> Callable[[httpx.Request, httpx.Response], httpx.Response]:
    """Return what changes each key of a listing."""

    def answer(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        if request.method != "GET" or not request.url.path.endswith("/keys") or response.status_code != 200:
            return response
        values = response.json()
        for item in values["data"]:
            change(item)
        return httpx.Response(200, json=values)

    return answer


@pytest.mark.parametrize(
    ("change", "subject", "reason"),
    [
        (
            lambda item: item.update(name=item["name"].partition(" ")[0]),
            "it is listed under its name, with its marker",
            "without its marker",
        ),
        (lambda item: item.update(name="other"), "it is listed under its name, with its marker", "listed as 'other'"),
        (lambda item: item.update(label="sk-or-v1-zzz...zzzz"), "its redacted form fits the raw key", "does not fit"),
        (lambda item: item.update(expires_at=None), "an expiry is shown as it was asked for", "without its expiry"),
        (
            lambda item: item.update(expires_at="2031-01-01T00:00:00Z"),
            "an expiry is shown as it was asked for",
            "it shows 2031",
        ),
    ],
)
def test_a_listing_that_shows_something_else_fails_its_trial_and_is_cleaned(
    change: Callable[[dict[str, Any]], None], subject: str, reason: str
) -> None:
    vendor = OpenRouter()
    lie(vendor, change_items(change))
    failed = find_failed(trial := try_vendor(vendor))
    assert reason in failed[subject]
    assert trial.exit_status == 5
    assert vendor.items == {}


def test_a_server_that_accepts_any_raw_key_is_found_out() -> None:
    vendor = OpenRouter()
    vendor.is_accepted = lambda _secret: True  # type: ignore[method-assign]  # the stand-in is ours
    failed = find_failed(try_vendor(vendor))
    assert {"a made-up raw key is refused", "a deleted key is neither accepted nor listed"} == set(failed)


def test_a_key_whose_answer_was_lost_is_deleted_too() -> None:
    vendor = OpenRouter()
    lie(vendor, lambda request, answer: httpx.Response(500) if request.method == "POST" else answer)
    trial = try_vendor(vendor)
    assert "a key can be created" in find_failed(trial)
    assert {row.subject for row in trial.rows if row.detail == "no key could be created"} >= {"its raw key is accepted"}
    assert vendor.items == {}
    assert CLEANED not in find_failed(trial)


def test_a_key_that_cannot_be_deleted_is_named() -> None:
    vendor = OpenRouter()
    lie(vendor, lambda request, answer: httpx.Response(405) if request.method == "DELETE" else answer)
    vendor.forget = lambda _key_id: True  # type: ignore[method-assign]  # the stand-in is ours
    detail = find_failed(try_vendor(vendor))[CLEANED]
    assert vendor.items
    assert all(f"delete key {key_id} by hand" in detail for key_id in vendor.items)
    assert "still listed" in detail


def test_keys_are_deleted_even_if_the_listing_fails() -> None:
    vendor = OpenRouter()
    lie(
        vendor,
        lambda request, answer: (
            httpx.Response(403) if request.url.path == "/api/v1/keys" and request.method == "GET" else answer
        ),
    )
    detail = find_failed(try_vendor(vendor))[CLEANED]
    assert vendor.items == {}
    assert "can't be seen" in detail


def test_a_bug_in_a_trial_leaves_no_key_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = OpenRouter()
    ports = connect_vendor(vendor)
    monkeypatch.setattr(type(ports.writer), "verify", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        try_provider(ports, vendor.clock, Going())
    assert vendor.items == {}


def test_a_stop_ends_the_trials_and_removes_the_keys() -> None:
    vendor = OpenRouter()
    trial = try_vendor(vendor, Going(2))
    assert [row.subject for row in trial.rows] == ["keys can be listed", "a key can be created", CLEANED]
    assert vendor.items == {}


def test_a_clock_that_is_far_from_ours_fails() -> None:
    vendor = OpenRouter()
    ports = connect_vendor(vendor)
    vendor.clock = type(vendor.clock)()
    vendor.clock.sleep(timedelta(hours=1))
    trial = try_provider(ports, type(vendor.clock)(), Going())
    assert "from ours" in find_failed(trial)["the server's clock is near ours"]


def test_a_failing_provider_gives_rows_and_no_raw_key() -> None:
    world = World()
    world.effects.inject(Fault.ERROR, "provider.create", times=9)
    failed = find_failed(try_world(world))
    assert "a key can be created" in failed
    assert CLEANED not in failed
