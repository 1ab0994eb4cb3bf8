"""Where a notice goes: a URL, most of which is a secret.

No error may quote more of a URL than its scheme and host, and of a scheme of apprise not even the host.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import httpx

from keyplan.errors import InputError
from keyplan.model.secret import Credential
from keyplan.net.http import show_safely
from keyplan.net.proxies import is_loopback

_SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
_SLACK_PREFIX = "slack+"
_WEB = ("https", "http")


class Shape(Enum):
    """What a target takes."""

    JSON = "json"
    """A POST of the notice's document."""
    SLACK = "slack"
    """A POST for Slack's incoming webhooks; Mattermost and Rocket.Chat take it too."""
    APPRISE = "apprise"
    """A URL that apprise understands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyTarget:
    """Where notices go, and in which shape."""

    shape: Shape
    name: str
    """What of the URL may be shown."""
    url: Credential


def read_target(text: str) -> NotifyTarget:
    """Return the target that a URL names. Raises InputError, which quotes at most scheme and host."""
    scheme, separator, _ = text.partition("://")
    if not separator or not scheme.isascii() or not scheme.replace("+", "").replace("-", "").isalnum():
        raise InputError(
            "a notification target is not a URL",
            advice="use https://HOST/PATH, slack+https://HOST/PATH, or a URL of apprise",
        )
    # For some services of apprise even the host is a token, so only the scheme is shown.
    plain = scheme.lower().removeprefix(_SLACK_PREFIX)
    if plain not in _WEB:
        return NotifyTarget(shape=Shape.APPRISE, name=f"{plain}://...", url=Credential(text))
    is_slack = plain != scheme.lower()
    return _read_web(text[len(_SLACK_PREFIX) :] if is_slack else text, plain, is_slack=is_slack)


def _read_web(text: str, scheme: str, *, is_slack: bool) -> NotifyTarget:
    try:
        host = httpx.URL(text).host
    except (httpx.InvalidURL, UnicodeError):  # UnicodeError: bytes of the environment that are not text
        # From None: the cause quotes the URL.
        raise InputError(f"a {scheme} notification target is not a URL") from None
    if not host:
        raise InputError(f"a {scheme} notification target has no host")
    name = f"{scheme}://{show_safely(host)}"
    if scheme == "http" and not is_loopback(host):
        raise InputError(
            f"the notification target {name} is plain http: the URL's secret could be read on the network",
            advice="use https; plain http is for this machine only (127.0.0.1, ::1, localhost)",
        )
    is_slack = is_slack or host in _SLACK_HOSTS
    return NotifyTarget(shape=Shape.SLACK if is_slack else Shape.JSON, name=name, url=Credential(text))
