"""Makes the client of Google's Secret Manager. Nothing is sent here, but credentials may be looked for on this machine.

The SDK must not find proxies or certificates on its own: the sessions that it makes get both from keyplan.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from keyplan.errors import InputError
from keyplan.sinks.gcp.client import TYPE
from keyplan.system.optional import importing, require

_SERVICE = "google.cloud.secretmanager_v1.services.secret_manager_service"
# What these write at DEBUG level holds bodies of requests and answers, and so raw keys.
_TALKATIVE = (f"{_SERVICE}.transports.rest", f"{_SERVICE}.client", "google.auth.transport.requests")


def make_opener(endpoint: str, environment: Mapping[str, str]) -> Callable[[], Any]:
    """Return what makes a client, for an endpoint or (empty) Google's own. Raises InputError without the SDK.

    Plain http is for emulators on this machine: they get no credentials.
    """
    transports = require(f"{_SERVICE}.transports.rest", extra=TYPE)
    clients = require("google.cloud.secretmanager_v1", extra=TYPE)
    credentials = require("google.auth.credentials", extra=TYPE)
    require("google_crc32c", extra=TYPE)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)
    url = urlsplit(endpoint)
    if url.path:
        raise InputError(f"endpoint '{endpoint}' must end after host and port")

    def open_client() -> Any:
        kind = transports.SecretManagerServiceRestTransport
        base_url = endpoint or f"https://{kind.DEFAULT_HOST}"
        request = _open_request(base_url, environment)
        options: dict[str, Any] = {"host": url.netloc, "url_scheme": url.scheme} if endpoint else {}
        if url.scheme == "http":
            options["credentials"] = credentials.AnonymousCredentials()
        else:
            options["credentials"] = _find_credentials(request, kind.AUTH_SCOPES)
        transport = kind(**options)
        _lead(transport, request, base_url, environment)
        return clients.SecretManagerServiceClient(transport=transport)

    return open_client


def _open_request(base_url: str, environment: Mapping[str, str]) -> Any:
    """Return what credentials send their own requests with: to a token endpoint, or this machine's metadata service."""
    requests = require("google.auth.transport.requests", extra=TYPE)
    with importing(TYPE):
        from keyplan.net.sessions import open_session  # noqa: PLC0415 - needs requests, which the extra brings
    return requests.Request(open_session(environment=environment, base_url=base_url))


def _find_credentials(request: Any, scopes: Any) -> Any:
    """Return what `google.auth` finds for every program: in a file, in gcloud's folder, on Google's machines."""
    found, _project = require("google.auth", extra=TYPE).default(request=request, default_scopes=scopes)
    return found


def _lead(transport: Any, request: Any, base_url: str, environment: Mapping[str, str]) -> None:
    """Let the session that the SDK made send as ours do. It has no option for that, so its insides are reached for."""
    with importing(TYPE):
        from keyplan.net.sessions import lead, refuse_foreign_answers  # noqa: PLC0415 - needs requests, which the extra brings
    session = lead(transport._session, environment=environment, base_url=base_url)  # noqa: SLF001 - as said
    refuse_foreign_answers(session)
    session._auth_request = request  # noqa: SLF001 - as said
