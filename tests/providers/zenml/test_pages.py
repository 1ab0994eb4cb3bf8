"""Whatever happens while pages are read, no key that was there all the time is missing from a listing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from scripted_zenml import StoredKey, Zenml

from keyplan.errors import ProviderRefusedError, ProviderUnavailableError
from keyplan.model.observation import Observation
from keyplan.ports import ProviderPorts
from keyplan.providers.zenml.pages import PAGE_SIZE

MANY = 2 * PAGE_SIZE + 5


def fill(zenml: Zenml, number: int = MANY) -> list[StoredKey]:
    return [zenml.add_key(f"key-{index}") for index in range(number)]


def listed(ports: ProviderPorts) -> set[str]:
    return {key.id for key in list_ci(ports)}


def list_ci(ports: ProviderPorts) -> tuple[Observation, ...]:
    return ports.reader.list_keys([])


def before_page(zenml: Zenml, number: int, act: Any, *, times: int = 1) -> None:
    """Do something just before the keys of the account `ci` are read from that page."""
    left = [times]

    def rule(request: httpx.Request) -> None:
        is_ours = zenml.account_id() in request.url.path and request.url.params.get("page") == str(number)
        if is_ours and left[0]:
            left[0] -= 1
            act()

    zenml.rules.append(rule)


@pytest.mark.parametrize("number", [0, 1, PAGE_SIZE, PAGE_SIZE + 1, MANY])
def test_all_pages_are_read(zenml: Zenml, number: int) -> None:
    keys = fill(zenml, number)
    assert listed(zenml.provider()) == {key.id for key in keys}


@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_key_deleted_while_pages_are_read_hides_no_other(zenml: Zenml, page: int) -> None:
    keys = fill(zenml)
    before_page(zenml, page, lambda: zenml.keys.pop(keys[0].id))
    assert listed(zenml.provider()) >= {key.id for key in keys[1:]}


def test_a_last_page_that_vanished_starts_the_listing_again(zenml: Zenml) -> None:
    keys = fill(zenml)
    before_page(zenml, 3, lambda: [zenml.keys.pop(key.id) for key in keys[-5:]])
    assert listed(zenml.provider()) == {key.id for key in keys[:-5]}


@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_key_created_while_pages_are_read_hides_no_other(zenml: Zenml, page: int) -> None:
    keys = fill(zenml)
    before_page(zenml, page, lambda: zenml.add_key("new"))
    assert listed(zenml.provider()) >= {key.id for key in keys}


def test_a_listing_that_changes_each_time_is_an_error_and_not_a_part(zenml: Zenml) -> None:
    fill(zenml, 2 * PAGE_SIZE + 1)

    def shrink_and_grow() -> None:
        zenml.keys.popitem()

    before_page(zenml, 1, lambda: fill_up(zenml), times=99)
    before_page(zenml, 3, shrink_and_grow, times=99)
    with pytest.raises(ProviderUnavailableError, match="changed each of the 5 times"):
        list_ci(zenml.provider())


def fill_up(zenml: Zenml) -> None:
    while len(zenml.keys) < 2 * PAGE_SIZE + 1:
        zenml.add_key(f"again-{len(zenml.keys)}")


def test_more_keys_than_allowed_are_an_error(zenml: Zenml) -> None:
    fill(zenml, 4)
    with pytest.raises(ProviderUnavailableError, match="lists more than 3"):
        list_ci(zenml.provider(max_keys=3))


def test_a_refused_first_page_is_a_refusal(zenml: Zenml) -> None:
    zenml.break_once("GET", "/api_keys", httpx.Response(400, json={"detail": ["ValueError", "no"]}))
    with pytest.raises(ProviderRefusedError, match="400 Bad Request"):
        list_ci(zenml.provider())


PAGE: dict[str, Any] = {"index": 1, "max_size": PAGE_SIZE, "total_pages": 1, "total": 0, "items": []}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"items": None}, id="no list"),
        pytest.param({"total": "0"}, id="no number"),
        pytest.param({"total_pages": None}, id="no number of pages"),
        pytest.param({"total_pages": 10**9}, id="pages without end"),
        pytest.param({"max_size": 20}, id="another size than asked for"),
        pytest.param({"total": -1}, id="a negative total"),
        pytest.param({"total": 1, "items": ["key"]}, id="an item that is not an object"),
        pytest.param({"total": 2, "items": []}, id="fewer items than the total says"),
    ],
)
def test_a_page_that_makes_no_sense_is_an_error(zenml: Zenml, change: dict[str, Any]) -> None:
    for _ in range(5):
        zenml.break_once("GET", "/api_keys", httpx.Response(200, json=PAGE | change))
    with pytest.raises(ProviderUnavailableError):
        list_ci(zenml.provider())
