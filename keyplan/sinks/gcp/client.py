"""The calls to Google's Secret Manager that the sink makes, each with a time limit.

Failures become SinkDeniedError or SinkUnavailableError with advice. Google's own error texts are never repeated,
because they quote requests, and nothing is sent before the first call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from threading import Lock
from typing import Any, TypeVar

from keyplan.errors import SinkDeniedError, SinkError, SinkUnavailableError
from keyplan.net.causes import find_fault, find_url
from keyplan.net.faults import ForeignAnswerError
from keyplan.net.http import read_retry_after
from keyplan.net.retry import Again, Retrier
from keyplan.sinks.answers import MAX_KEYS, MISREAD, Listing, explain_misread, understood
from keyplan.sinks.patience import Attempt, Refused, Taken, explain_fault, persist
from keyplan.sinks.value_store import StoreConflictError
from keyplan.system.optional import require

TYPE = "gcp-secret-manager"
LATEST = "latest"
MADE_BY = {"managed-by": "keyplan"}
"""Label of every secret that keyplan makes; for people who look for them."""
_URL = "https://secretmanager.googleapis.com"
_ReadT = TypeVar("_ReadT")
_LIMITS: Mapping[str, Any] = {"timeout": 30, "retry": None}
"""Of each request. The SDK tries once: the sink repeats requests itself, by one rule with all others."""
_DELAY = re.compile(r"([0-9]{1,9}(?:\.[0-9]+)?)s")
# Annotations have up to 16 KiB (Google, "Quotas and limits"), so that a thousand secrets could be too large an answer.
_PAGE = 250
_CONFLICTS = (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)
_ENABLED = 1
"""SecretVersion.State.ENABLED"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpSecret:
    """A secret without its versions."""

    id: str
    annotations: Mapping[str, str]
    etag: str
    """Changes with the secret's metadata, not with its versions (Google, "Use entity tags")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpVersion:
    """One version of a secret."""

    number: int
    is_enabled: bool = True
    content: bytes | None = field(default=None, repr=False)
    """None if it is not enabled, or was not asked for."""


class SecretManager:
    """Secret Manager in one project. Safe for threads."""

    def __init__(
        self,
        open_client: Callable[[], Any],
        *,
        project: str,
        replication: Mapping[str, Any],
        retrier: Retrier,
        url: str = _URL,
        max_keys: int = MAX_KEYS,
    ) -> None:
        """Take what makes a client; it is called with the first request, because it looks for credentials."""
        self._max_keys = max_keys
        self._retrier = retrier
        self._url = url
        self._open_client = open_client
        self._client: Any = None
        self._opening = Lock()
        self._project = project
        self._replication = replication

    def get(self, secret_id: str) -> GcpSecret | None:
        """Return a secret; None if there is none."""
        found = self._ask("get_secret", "secrets.get", secret_id, absent=True, name=self._name(secret_id))
        return None if found is None else self._read(_secret, found, secret_id)

    def list_all(self, name_part: str) -> dict[str, GcpSecret]:
        """Return by their ids all secrets whose name has a part in it; 250 with each request."""
        request = {"parent": f"projects/{self._project}", "page_size": _PAGE}
        # Google, "Filter lists of secrets": `name:` finds parts of names.
        filters = {"filter": f"name:{name_part}"} if name_part else {}

        def ask(client: Any, limits: Mapping[str, Any]) -> list[GcpSecret]:
            pages = client.list_secrets(request={**request, **filters}, **limits).pages
            return [_secret(found) for page in self._count(pages, "secrets") for found in page.secrets]

        secrets: list[GcpSecret] = self._try(ask, "secrets.list", f"project {self._project}")
        return {secret.id: secret for secret in secrets}

    def create(self, secret_id: str, annotations: Mapping[str, str]) -> GcpSecret:
        """Make a secret without a version."""
        secret = {"replication": self._replication, "labels": MADE_BY, "annotations": annotations}
        request: dict[str, Any] = {"parent": f"projects/{self._project}", "secret_id": secret_id, "secret": secret}
        return self._read(_secret, self._ask("create_secret", "secrets.create", secret_id, **request), secret_id)

    def annotate(self, secret: GcpSecret, annotations: Mapping[str, str]) -> GcpSecret:
        """Replace all annotations, unless another writer changed the secret meanwhile; return it as it is then."""
        body = {"name": self._name(secret.id), "etag": secret.etag, "annotations": annotations}
        mask = {"paths": ["annotations"]}
        changed = self._ask("update_secret", "secrets.update", secret.id, secret=body, update_mask=mask)
        return replace(self._read(_secret, changed, secret.id), annotations=annotations)

    def delete(self, secret: GcpSecret) -> None:
        """Delete a secret with all versions, unless another writer changed it meanwhile; it may be missing."""
        name = self._name(secret.id)
        self._ask("delete_secret", "secrets.delete", secret.id, absent=True, name=name, etag=secret.etag)

    def access(self, secret_id: str, version: str) -> GcpVersion | None:
        """Return a version with its content, one that is not enabled without; None if there is none."""
        try:
            found = self._ask(
                "access_secret_version", "versions.access", secret_id, absent=True, name=self._name(secret_id, version)
            )
        except _PreconditionError:
            return self.describe(secret_id, version)
        return None if found is None else self._read(self._read_content, found, secret_id)

    def describe(self, secret_id: str, version: str) -> GcpVersion | None:
        """Return a version without its content; None if there is none."""
        name = self._name(secret_id, version)
        found = self._ask("get_secret_version", "versions.get", secret_id, absent=True, name=name)
        return None if found is None else self._read(_describe, found, secret_id)

    def add(self, secret_id: str, content: bytes) -> int:
        """Make a content the newest version and return its number."""
        payload = {"data": content, "data_crc32c": _checksum(content)}
        parent = self._name(secret_id)
        added = self._ask("add_secret_version", "versions.add", secret_id, parent=parent, payload=payload)
        return self._read(lambda version: _number(version.name), added, secret_id)

    def disable(self, secret_id: str, *, but_newest: int) -> None:
        """Disable all enabled versions but the newest ones, so many."""

        def ask(client: Any, limits: Mapping[str, Any]) -> list[GcpVersion]:
            request = {"parent": self._name(secret_id), "page_size": _PAGE, "filter": "state:ENABLED"}
            pages = client.list_secret_versions(request=request, **limits).pages
            found = [_describe(version) for page in self._count(pages, "versions") for version in page.versions]
            return [version for version in found if version.is_enabled]

        versions = self._try(ask, "versions.list", self._place(secret_id))
        numbers = sorted((version.number for version in versions), reverse=True)
        for number in numbers[but_newest:]:
            name = self._name(secret_id, str(number))
            self._ask("disable_secret_version", "versions.disable", secret_id, absent=True, name=name)

    def lacks_right_to_add(self, secret_id: str) -> bool:
        """Whether Google says for certain that no version may be added; a secret that must exist.

        A secret that was made a moment ago may not be known everywhere yet: then nothing at all is allowed there,
        which proves nothing.
        """
        known, wanted = "secretmanager.secrets.get", "secretmanager.versions.add"
        name, right = self._name(secret_id), "secrets.getIamPolicy"
        found = self._ask(
            "test_iam_permissions", right, secret_id, absent=True, resource=name, permissions=[known, wanted]
        )
        allowed = () if found is None else tuple(found.permissions)
        return known in allowed and wanted not in allowed

    def _count(self, pages: Iterable[Any], field: str) -> Iterator[Any]:
        """Yield the pages of a listing, up to its ceiling. The SDK itself would go on for ever."""
        listing = Listing(f"project {self._project}: list {field}", max_keys=self._max_keys)
        for page in pages:
            listing.add_page(len(getattr(page, field)), cursor=page.next_page_token)
            yield page

    def _read(self, read: Callable[[Any], _ReadT], found: Any, secret_id: str) -> _ReadT:
        """Return what an answer says. Raises SinkUnavailableError if it is not one of Secret Manager's."""
        with understood(self._place(secret_id)):
            return read(found)

    def _read_content(self, found: Any) -> GcpVersion:
        content = bytes(found.payload.data)
        if found.payload.data_crc32c and found.payload.data_crc32c != _checksum(content):
            raise SinkUnavailableError(f"{found.name}: its value was damaged on the way", advice="apply again")
        return GcpVersion(number=_number(found.name), content=content)

    def _name(self, secret_id: str, version: str = "") -> str:
        name = f"projects/{self._project}/secrets/{secret_id}"
        return f"{name}/versions/{version}" if version else name

    def _place(self, secret_id: str) -> str:
        return f"{self._project}/{secret_id}"

    def _ask(self, method: str, right: str, secret_id: str, /, *, absent: bool = False, **request: Any) -> Any:
        """Return an answer; with `absent`, None if Google says that there is nothing."""

        def ask(client: Any, limits: Mapping[str, Any]) -> Any:
            return getattr(client, method)(request=request, **limits)

        return self._try(ask, right, self._place(secret_id), absent=absent)

    def _try(
        self, ask: Callable[[Any, Mapping[str, Any]], Any], right: str, place: str, *, absent: bool = False
    ) -> Any:
        return persist(
            lambda: self._send(ask, place),
            self._retrier,
            place=place,
            explain=lambda error: _explain(error, f"secretmanager.{right}", place),
            absent=absent,
        )

    def _send(self, ask: Callable[[Any, Mapping[str, Any]], Any], place: str) -> Attempt:
        """Send a request once, and return the answer, Google's refusal, or the error that there is no answer."""
        errors = require("google.api_core.exceptions", extra=TYPE)
        unparsed = require("google.protobuf.json_format", extra=TYPE).Error
        broken = require("requests.exceptions", extra=TYPE).RequestException
        credentials = require("google.auth.exceptions", extra=TYPE)
        try:
            return Taken(answer=ask(self._connect(), _LIMITS))
        except errors.GoogleAPICallError as error:
            return Refused(
                error=error,
                limit=_find_limit(error, self._retrier.clock.now()),
                is_absent=isinstance(error, (errors.NotFound, errors.MethodNotImplemented)),
                is_passing=int(error.code or 0) == HTTPStatus.SERVICE_UNAVAILABLE,
            )
        except (broken, errors.RetryError, credentials.TransportError, ForeignAnswerError) as error:
            # The servers that issue tokens are others than Secret Manager.
            fault = find_fault(error, find_url(error) or self._url)
            return explain_fault(place, fault, "the sink's 'endpoint'")
        except credentials.GoogleAuthError as error:
            return SinkDeniedError(
                f"{place}: there are no usable Google credentials ({type(error).__name__})",
                advice="run 'gcloud auth application-default login', or set GOOGLE_APPLICATION_CREDENTIALS",
            )
        except (*MISREAD, unparsed):
            # Of the SDK, which trusts the shape of errors. What it raises while it looks for credentials is above.
            return explain_misread(place, advice="check the endpoint and the proxy")

    def _connect(self) -> Any:
        with self._opening:
            if self._client is None:
                self._client = self._open_client()
            return self._client


class _PreconditionError(StoreConflictError):
    """Google refused because of the state that something is in: a version disabled, another etag."""


def make_replication(locations: Sequence[str]) -> Mapping[str, Any]:
    """Return how a new secret is replicated: to these locations, or (none) as Google sees fit."""
    if not locations:
        return {"automatic": {}}
    return {"user_managed": {"replicas": [{"location": location} for location in locations]}}


def _find_limit(error: Any, now: datetime) -> Again | None:
    """Return how long Google wants to be waited for; None if it does not throttle.

    google/rpc/error_details.proto: RESOURCE_EXHAUSTED may come with a RetryInfo that names the time, or with an
    ErrorInfo that names the quota; those of Secret Manager are per minute.
    """
    status = int(error.code or 0)
    pause = read_retry_after(_header(error, "Retry-After"), now)
    if status != HTTPStatus.TOO_MANY_REQUESTS:
        is_limit = status == HTTPStatus.SERVICE_UNAVAILABLE and pause is not None
        return Again(throttled=True, retry_after=pause) if is_limit else None
    least = timedelta(0)
    for detail in _details(error):
        delay = _DELAY.fullmatch(str(detail.get("retryDelay")))
        pause = timedelta(seconds=float(delay[1])) if delay else pause
        metadata = detail.get("metadata")
        if isinstance(metadata, dict) and str(metadata.get("quota_unit")).startswith("1/min"):
            least = timedelta(minutes=1)
    return Again(throttled=True, retry_after=pause, at_least=least)


def _header(error: Any, name: str) -> str | None:
    headers = getattr(error.response, "headers", None)
    return headers.get(name) if headers is not None else None


def _details(error: Any) -> list[Mapping[str, Any]]:
    try:
        details = error.response.json()["error"]["details"]
    except (AttributeError, ValueError, KeyError, TypeError):
        return []
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []


def _explain(error: Any, right: str, place: str) -> SinkError:
    status = int(error.code or 0)
    if status == HTTPStatus.FORBIDDEN:
        return SinkDeniedError(
            f"{place}: Google denies {right}", advice="grant it to keyplan's service account; the sink's page lists all"
        )
    if status == HTTPStatus.UNAUTHORIZED:
        return SinkDeniedError(f"{place}: Google does not accept the credentials", advice="log in to Google again")
    if _reason(error) == "FAILED_PRECONDITION" or status in _CONFLICTS:
        return _PreconditionError(
            f"{place}: another writer changed it at the same time, or its state forbids {right}", advice="apply again"
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SinkUnavailableError(f"{place}: Google answered {status} to {right}", advice="apply again later")
    return SinkDeniedError(
        f"{place}: Google answered {status} to {right}", advice="check project, name and options of the sink"
    )


def _reason(error: Any) -> str:
    """Return the canonical code in an answer's body, such as FAILED_PRECONDITION; empty if there is none."""
    try:
        return str(error.response.json()["error"]["status"])
    except (AttributeError, ValueError, KeyError, TypeError):
        return ""


def _secret(found: Any) -> GcpSecret:
    return GcpSecret(id=found.name.rpartition("/")[2], annotations=dict(found.annotations), etag=found.etag)


def _number(name: str) -> int:
    return int(name.rpartition("/")[2])


def _describe(found: Any) -> GcpVersion:
    return GcpVersion(number=_number(found.name), is_enabled=int(found.state) == _ENABLED)


def _checksum(content: bytes) -> int:
    return int(require("google_crc32c", extra=TYPE).value(content))
