"""Which generation is spoken: told, or found out once."""

from __future__ import annotations

import threading

import httpx
import pytest
from scripted_arize import NO_PAGE, Arize, refusal

from keyplan.errors import InputError, ProviderDeniedError, ProviderRefusedError

PROBE = "GET /v2/api-keys?key_type=USER&status=ACTIVE&limit=1"


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_does_not_know_beta_s_words_speaks_alpha(arize: Arize, status: int) -> None:
    arize.on("GET", "/v2/api-keys", refusal(status))
    assert arize.provider(api="auto").reader.laws().dialect == "alpha"


def test_a_server_that_answers_the_beta_way_speaks_beta(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", NO_PAGE)
    assert arize.provider(api="auto").reader.laws().dialect == "beta"
    assert arize.lines() == [PROBE]


@pytest.mark.parametrize(
    ("status", "error"), [(401, ProviderDeniedError), (404, ProviderRefusedError)], ids=["credential", "wrong path"]
)
def test_any_other_refusal_says_nothing_about_the_dialect(arize: Arize, status: int, error: type[Exception]) -> None:
    arize.on("GET", "/v2/api-keys", refusal(status))
    with pytest.raises(error):
        arize.provider(api="auto").reader.laws()


def test_a_failed_detection_is_tried_again(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", refusal(404), NO_PAGE)
    reader = arize.provider(api="auto").reader
    with pytest.raises(ProviderRefusedError):
        reader.laws()
    assert reader.laws().dialect == "beta"


@pytest.mark.parametrize("api", ["alpha", "beta"])
def test_a_dialect_named_in_the_manifest_is_not_detected(arize: Arize, api: str) -> None:
    assert arize.provider(api=api).reader.laws().dialect == api
    assert arize.requests == []


def test_many_threads_find_out_once(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", NO_PAGE)
    reader = arize.provider(api="auto").reader
    threads = [threading.Thread(target=reader.laws) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert arize.lines() == [PROBE]


@pytest.mark.parametrize("api", ["alpha", "beta"])
def test_the_state_of_the_api_is_shown_once_per_run(arize: Arize, api: str) -> None:
    reader = arize.provider(api=api).reader
    assert arize.said == []
    reader.laws()
    reader.laws()
    assert arize.said == [f"the API-keys endpoints of Arize are in {api}; they may change without notice"]


@pytest.mark.parametrize("word", ["gamma", ""])
def test_another_word_is_an_input_error(arize: Arize, word: str) -> None:
    with pytest.raises(InputError, match="must be auto, alpha or beta"):
        arize.provider(api=word)


def test_the_dialect_is_not_asked_for_again_by_the_writer(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", NO_PAGE)
    arize.on("PUT", "/v2/api-keys", httpx.Response(204))
    provider = arize.provider(api="auto")
    provider.reader.laws()
    provider.writer.delete("key-1")  # type: ignore[arg-type]  # an id is text
    assert arize.lines() == [PROBE, "PUT /v2/api-keys/key-1/revoke"]
