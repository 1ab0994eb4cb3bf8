"""The rate limit: a burst of one second's worth passes, then a steady rate."""

from __future__ import annotations

from itertools import chain, repeat

import pytest
from sandbox.sandbox_client import OpenClient

from keyplan.sandbox.middleware import RateLimiter


@pytest.mark.parametrize(
    ("rate", "at", "waits"),
    [
        pytest.param(2.0, [0, 0, 0], [0, 0, 0.5], id="a burst of one second's worth"),
        pytest.param(2.0, [0, 0, 0.5, 0.5], [0, 0, 0, 0.5], id="one token in half a second"),
        pytest.param(2.0, [10, 10, 10], [0, 0, 0.5], id="never more than one second's worth"),
        pytest.param(0.5, [0, 0, 1, 2], [0, 2, 1, 0], id="less than one a second"),
    ],
)
def test_the_limiter(rate: float, at: list[float], waits: list[float]) -> None:
    times = chain([0], at)
    limiter = RateLimiter(rate, lambda: next(times))
    assert [limiter.take() for _ in at] == waits


def test_too_many_requests_are_refused_with_the_seconds_to_wait(opened: OpenClient) -> None:
    client = opened(rate_limit=0.001)
    answers = [client.get("/v2/spaces") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert 0 < int(answers[1].headers["retry-after"]) <= 1000
    assert answers[1].json()["status"] == 429


def test_the_seconds_to_wait_can_be_left_out(opened: OpenClient) -> None:
    client = opened(rate_limit=0.001, retry_after=False)
    client.get("/v2/spaces")
    assert "retry-after" not in client.get("/v2/spaces").headers


def test_a_refused_request_has_no_effect_and_meets_no_fault(opened: OpenClient) -> None:
    client = opened(rate_limit=0.001)
    client.get("/v2/spaces")
    client.post("/_sandbox/faults", json={"faults": [{"action": "status", "status": 500}]})
    assert client.post("/v2/api-keys", json={"key_type": "USER", "name": "x"}).status_code == 429
    assert [key["name"] for key in client.get("/_sandbox/keys").json()["keys"]] == ["keyplan sandbox"]


def test_control_endpoints_have_no_limit(opened: OpenClient) -> None:
    client = opened(rate_limit=0.001)
    answers = [client.get(path).status_code for path in repeat("/_sandbox/clock", 5)]
    assert answers == [200] * 5
