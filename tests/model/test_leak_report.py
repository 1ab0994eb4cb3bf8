"""Reported tokens: hidden while they are looked for, and where those were seen that fit a key."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import process_time

import pytest

from keyplan.model.leak_report import LeakReport, Sighting, find_sightings, hidden_tokens
from keyplan.model.mask import HIDDEN, MOST_SECRETS, hide
from keyplan.model.secret import RawKey, SuspectedSecret

TOKEN = "ak-5e2c77a1-Zq9Zq9Zq9Zq9"


def report(token: str, url: str = "") -> LeakReport:
    """Return a report of a token."""
    sighting = Sighting(secret_type="", url=url, source="")
    return LeakReport(token=SuspectedSecret(token), sighting=sighting)


def test_a_token_is_hidden_while_the_block_runs_and_forgotten_then() -> None:
    with hidden_tokens([report(TOKEN), report("short")]):
        assert hide(f"at /{TOKEN}/x, short") == f"at /{HIDDEN}/x, short"
        with hidden_tokens([report(TOKEN)]):
            pass
        assert TOKEN not in hide(TOKEN)
    assert hide(TOKEN) == TOKEN


def test_a_failure_ends_it_too() -> None:
    with pytest.raises(ZeroDivisionError), hidden_tokens([report(TOKEN)]):
        raise ZeroDivisionError
    assert hide(TOKEN) == TOKEN


def test_any_number_of_them_pushes_no_secret_of_ours_out() -> None:
    RawKey(TOKEN)
    many = [report(f"ak-{number:010d}-abcdefghij") for number in range(MOST_SECRETS + 1)]
    begun = process_time()
    with hidden_tokens(many):
        took = process_time() - begun
        assert TOKEN not in hide(TOKEN)
    assert TOKEN not in hide(TOKEN)
    # Each of them would take its time if one had to look through the others.
    assert took < 30


def test_a_token_is_hidden_in_what_other_threads_write() -> None:
    seen: list[str] = []

    def write() -> None:
        seen.append(hide(TOKEN))

    run_in_thread(write)
    with hidden_tokens([report(TOKEN)]):
        run_in_thread(write)
    assert seen == [TOKEN, HIDDEN]


def run_in_thread(do: Callable[[], None]) -> None:
    thread = threading.Thread(target=do)
    thread.start()
    thread.join()


def test_a_key_was_seen_where_tokens_fit_it() -> None:
    reports = [report(TOKEN, "a"), report("ak-other", "b"), report(TOKEN, "a"), report(TOKEN, "c")]
    assert [one.url for one in find_sightings(reports, "ak-5e...Zq9")] == ["a", "c"]
    assert find_sightings(reports, "ak-5e...xyz") == ()
