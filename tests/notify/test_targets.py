"""Targets of notices: told apart by scheme and host, and never shown whole."""

from __future__ import annotations

import pytest

from keyplan.errors import InputError
from keyplan.notify.targets import Shape, read_target

SECRET = "s3cr3t-canary"


@pytest.mark.parametrize(
    ("url", "shape", "name", "sent_to"),
    [
        pytest.param(
            f"https://example.test/{SECRET}?token={SECRET}",
            Shape.JSON,
            "https://example.test",
            f"https://example.test/{SECRET}?token={SECRET}",
            id="a webhook, its secret in path and query",
        ),
        pytest.param(
            f"https://ci:{SECRET}@example.test:8443/hook",
            Shape.JSON,
            "https://example.test",
            f"https://ci:{SECRET}@example.test:8443/hook",
            id="a password before the host",
        ),
        pytest.param(
            f"https://hooks.slack.com/services/{SECRET}",
            Shape.SLACK,
            "https://hooks.slack.com",
            f"https://hooks.slack.com/services/{SECRET}",
            id="Slack by its host",
        ),
        pytest.param(
            f"slack+https://chat.example.test/hooks/{SECRET}",
            Shape.SLACK,
            "https://chat.example.test",
            f"https://chat.example.test/hooks/{SECRET}",
            id="Slack's shape elsewhere",
        ),
        pytest.param(
            "HTTP://127.0.0.1:8080/hook",
            Shape.JSON,
            "http://127.0.0.1",
            "HTTP://127.0.0.1:8080/hook",
            id="this machine",
        ),
        pytest.param(
            f"discord://{SECRET}/{SECRET}",
            Shape.APPRISE,
            "discord://...",
            f"discord://{SECRET}/{SECRET}",
            id="apprise's, whose host may be a token",
        ),
    ],
)
def test_a_target_is_known_by_its_scheme_and_host(url: str, shape: Shape, name: str, sent_to: str) -> None:
    target = read_target(url)
    assert (target.shape, target.name, target.url.reveal()) == (shape, name, sent_to)
    assert SECRET not in repr(target)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param(SECRET, "is not a URL", id="no scheme"),
        pytest.param(f"{SECRET} ://example.test", "is not a URL", id="no word before the separator"),
        pytest.param(f"https:///{SECRET}", "has no host", id="no host"),
        pytest.param(f"https://example.test:{SECRET}/", "is not a URL", id="a port that is none"),
        pytest.param(f"https://example.test/{SECRET}\udcff", "is not a URL", id="bytes that are no text"),
        pytest.param(f"http://example.test/{SECRET}", "http://example.test is plain http", id="readable on the way"),
        pytest.param(f"slack+http://example.test/{SECRET}", "is plain http", id="the same for Slack's shape"),
    ],
)
def test_what_is_no_target_is_refused_without_being_quoted(url: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_target(url)
    assert SECRET not in f"{caught.value.message} {caught.value.advice}"
    assert caught.value.__cause__ is None
