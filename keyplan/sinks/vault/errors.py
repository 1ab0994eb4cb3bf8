"""Turns an answer of Vault, or a missing one, into the user's error: what was not allowed, and what to do.

No error repeats the server's own words, or an exception's: they may quote a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from keyplan.errors import SinkDeniedError, SinkError, SinkPausedError, SinkUnavailableError
from keyplan.net.causes import find_fault
from keyplan.net.faults import FaultKind, find_answer_fault
from keyplan.net.http import read_retry_after
from keyplan.net.retry import Again
from keyplan.sinks.patience import explain_fault
from keyplan.sinks.value_store import StoreConflictError

_ACTIVE_NODE = "name the active node, or an address that forwards to it"
_NOT_ALLOWED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED}


class VaultForbiddenError(SinkDeniedError):
    """A policy does not allow a request."""


class VaultConflictError(StoreConflictError):
    """Another program wrote the secret between keyplan's look and its write."""


def explain_conflict(mount: str, path: str) -> VaultConflictError:
    """Return the error for a secret that another program kept changing."""
    return VaultConflictError(f"{mount}/{path}: another writer changed it at the same moment", advice="apply again")


_SETTING = "the vault sink's 'address'"


def explain_failure(error: Exception, address: str) -> SinkError:
    """Return the error for a missing answer."""
    return explain_fault("vault", find_fault(error, address), _SETTING)


def explain_foreign(answer: Any, address: str) -> SinkError | None:
    """Return the error for an answer that is not from the server; None if it is."""
    status, location = answer.status_code, answer.headers.get("Location", "")
    fault = find_answer_fault(
        address,
        status=status,
        content_type=answer.headers.get("Content-Type", ""),
        location=location,
        body=answer.content,
    )
    if fault is None:
        return None
    if fault.kind in (FaultKind.REDIRECTED, FaultKind.MOVED):
        # Passes when a standby that redirects has become the active node.
        return SinkUnavailableError(f"vault: {fault.reason}", advice=_ACTIVE_NODE)
    return explain_fault("vault", fault, _SETTING)


def find_limit(answer: Any, now: datetime) -> Again | None:
    """Return how long a server wants to be waited for; None if it does not, and if it is sealed.

    Vault, "Rate limit quotas": 429, with Retry-After if the server is set so. "Vault Enterprise eventual consistency",
    and `DefaultRetryPolicy` of Vault's own client: 412 from a node that has not seen yet what the token or the request
    is about, as right after a login. 503 is a sealed server, one in maintenance, or one that is overloaded; 500 with
    these words a standby that knows no active node, as during an election.
    """
    status = answer.status_code
    if status == HTTPStatus.PRECONDITION_FAILED or (
        status == HTTPStatus.INTERNAL_SERVER_ERROR and _says(answer, "active cluster node not found")
    ):
        return Again(throttled=True)
    is_limit = status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
    if not is_limit or is_sealed(answer):
        return None
    return Again(throttled=True, retry_after=read_retry_after(answer.headers.get("Retry-After"), now))


def is_sealed(answer: Any) -> bool:
    """Whether a server says that it is sealed, which does not pass without its operators."""
    return answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE and _says(answer, "is sealed")


def _says(answer: Any, words: str) -> bool:
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        return False
    errors = document.get("errors") if isinstance(document, Mapping) else None
    return isinstance(errors, list) and any(words in str(error) for error in errors)


def explain_status(status: int, address: str, *, is_sealed: bool) -> SinkError:
    """Return the error for a server that as a whole can do nothing now."""
    if is_sealed:
        return SinkPausedError(f"{address} is sealed", advice="unseal it, then apply again")
    if status < HTTPStatus.BAD_REQUEST:
        return SinkUnavailableError(
            f"{address} redirects elsewhere, which keyplan does not follow with a token",
            advice=_ACTIVE_NODE,
        )
    return SinkUnavailableError(f"{address} failed with {status}", advice="look at the server, then apply again")


def explain_refusal(status: int, path: str, *, right: str, who: str, address: str) -> SinkDeniedError:
    """Return the error for one refused request for which the policy needs `right`."""
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
    """Return the error for a mount that is not a KV engine of version 2."""
    return SinkDeniedError(
        f"{named} is not in a KV engine of version 2", advice="name a mount of version 2, or upgrade this one"
    )
