"""What an exchange is called when there is none; the rest is told by the client's tests."""

from __future__ import annotations

import json

import pytest

from keyplan.errors import InDoubtError, ProviderRefusedError, ProviderUnavailableError
from keyplan.net.http import Answer
from keyplan.providers.answers import expect_success
from keyplan.providers.arize.factory import WORDS


def test_a_request_that_was_never_sent_had_no_effect() -> None:
    with pytest.raises(ProviderUnavailableError, match="create key 'ci': the server keeps asking to wait"):
        expect_success("create key 'ci'", None, InDoubtError, WORDS)


def refuse(detail: str, *, status: int = 422) -> ProviderRefusedError:
    """Return what a refusal of the server becomes."""
    body = json.dumps({"title": "Unprocessable Content", "detail": detail}).encode()
    answer = Answer(status=status, content_type="application/problem+json", body=body)
    with pytest.raises(ProviderRefusedError) as caught:
        expect_success("create key 'ci'", answer, InDoubtError, WORDS)
    return caught.value


@pytest.mark.parametrize(
    ("detail", "line"),
    [
        pytest.param("expires_at exceeds the maximum lifetime of 90 days", "{max_lifetime: 90d}", id="days"),
        pytest.param("The key's lifetime is limited to 12 hours.", "{max_lifetime: 12h}", id="hours"),
        pytest.param("Expiration may be 1 week ahead at most", "{max_lifetime: 1w}", id="week"),
        pytest.param("expires_at is too far in the future", "{max_lifetime: DURATION}", id="no value"),
        pytest.param("expires_at is 0 days ahead", "{max_lifetime: DURATION}", id="no span"),
    ],
)
def test_a_refused_life_names_the_line_that_lets_plans_know_it(detail: str, line: str) -> None:
    assert refuse(detail).advice.endswith(f"provider: {line}")


@pytest.mark.parametrize(
    ("detail", "status"), [("the name is taken", 422), ("expires_at exceeds the lifetime of 90 days", 400)]
)
def test_other_refusals_say_nothing_of_a_life(detail: str, status: int) -> None:
    assert refuse(detail, status=status).advice == ""
