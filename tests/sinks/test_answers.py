"""What sinks share where they read answers: shapes, and how long a listing may be."""

from __future__ import annotations

import pytest

from keyplan.errors import SinkUnavailableError
from keyplan.sinks.answers import MAX_KEYS, Listing, read_max_keys, to_list, to_mapping, to_text, to_texts, understood


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda: to_text(None), id="no text"),
        pytest.param(lambda: to_text("\ud83d"), id="half of a pair"),
        pytest.param(lambda: to_texts({"a": 1}), id="a number among texts"),
        pytest.param(lambda: to_mapping([]), id="no object"),
        pytest.param(lambda: to_list({}), id="no list"),
        pytest.param(lambda: {}["missing"], id="a field that is missing"),
        pytest.param(lambda: int(float("inf")), id="a number that is none"),
    ],
)
def test_another_shape_is_the_servers_failure(read: object) -> None:
    with pytest.raises(SinkUnavailableError, match="vault.test: the answer has an unknown form") as caught:  # noqa: SIM117, RUF043 - the inner one is tested
        with understood("vault.test"):
            read()  # type: ignore[operator]  # parametrize knows no types
    assert caught.value.__cause__ is None


def test_null_stands_for_nothing() -> None:
    assert (to_texts(None), to_mapping(None), to_list(None)) == ({}, {}, [])


def test_a_listing_ends_at_its_ceiling() -> None:
    listing = Listing("acme: list", max_keys=20)
    listing.add_page(10, cursor="a")
    listing.add_page(10, cursor="b")
    with pytest.raises(SinkUnavailableError, match="acme: list: there are more than 20"):
        listing.add_page(1)


def test_pages_that_repeat_or_stay_empty_have_no_end() -> None:
    listing = Listing("acme: list", max_keys=20)
    listing.add_page(1, cursor="a")
    with pytest.raises(SinkUnavailableError, match="no end"):
        listing.add_page(1, cursor="a")
    empty = Listing("acme: list", max_keys=20)
    for number in range(102):
        empty.add_page(0, cursor=str(number))
    with pytest.raises(SinkUnavailableError, match="no end"):
        empty.add_page(0, cursor="last")


def test_the_ceiling_is_an_option() -> None:
    assert (read_max_keys({}), read_max_keys({"max_keys": 5})) == (MAX_KEYS, 5)
