"""Turns what Vault answers, or does not, into what the user is told: what was not allowed, and what to do.

No error repeats the server's own words, or an exception's: they may quote a request.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from keyplan.errors import SinkDeniedError, SinkError, SinkUnavailableError
from keyplan.sinks.value_store import StoreConflictError

_NOT_ALLOWED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED}


class VaultForbiddenError(SinkDeniedError):
    """A policy does not allow a request."""


class VaultConflictError(StoreConflictError):
    """Another program wrote the secret between keyplan's look and its write."""


def explain_conflict(mount: str, path: str) -> VaultConflictError:
    """Return what the user is told where another program kept changing a secret."""
    return VaultConflictError(f"{mount}/{path}: another writer changed it at the same moment", advice="apply again")


def explain_failure(error: Exception, exceptions: Any, address: str) -> SinkError:
    """Return what the user is told where there is no answer; `exceptions` is `requests.exceptions`."""
    if isinstance(error, exceptions.SSLError):
        return SinkDeniedError(
            f"{address} shows a certificate that is not trusted",
            advice="name the authority's certificate with 'ca_file', or check the address",
        )
    if isinstance(error, exceptions.Timeout):
        return SinkUnavailableError(f"{address} does not answer in time", advice="check the server and the network")
    return SinkUnavailableError(f"{address} cannot be reached", advice="check the server, the address and the network")


def explain_status(status: int, address: str) -> SinkError:
    """Return what the user is told where the server as a whole can do nothing now."""
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return SinkUnavailableError(f"{address} is sealed or in maintenance", advice="unseal it, then apply again")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return SinkUnavailableError(f"{address} has too many requests", advice="wait, or raise its rate limit")
    if status < HTTPStatus.BAD_REQUEST:
        return SinkUnavailableError(
            f"{address} redirects elsewhere, which keyplan does not follow with a token",
            advice="name the active node, or an address that forwards to it",
        )
    return SinkUnavailableError(f"{address} failed with {status}", advice="look at the server, then apply again")


def explain_refusal(status: int, path: str, *, right: str, who: str, address: str) -> SinkDeniedError:
    """Return what the user is told where one request was refused for which the policy needs `right`."""
    if status in _NOT_ALLOWED:
        notes = "/metadata/" in path and right != "read"
        instead = ", or set 'receipts: false' on this sink" if notes else ""
        return VaultForbiddenError(
            f"{address} does not allow {who} to {right} {path}",
            advice=f"give its policy '{right}' on that path{instead}; check that the token is still valid",
        )
    if status == HTTPStatus.NOT_FOUND:
        return SinkDeniedError(
            f"{address} has nothing at {path}",
            advice="check the sink's 'mount' and 'namespace', and that a KV engine is mounted there",
        )
    return SinkDeniedError(f"{address} refused a request for {path} with {status}", advice="look at the server's log")


def explain_old_engine(named: str) -> SinkDeniedError:
    """Return what the user is told where a mount is no KV engine of version 2."""
    return SinkDeniedError(
        f"{named} is not in a KV engine of version 2", advice="name a mount of version 2, or upgrade this one"
    )
