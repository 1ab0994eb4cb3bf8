"""The calls to one Azure Key Vault that the sink makes, each with time limits.

Failures become SinkDeniedError or SinkUnavailableError with advice. Azure's own error texts are never repeated,
because they may quote requests, and nothing is sent before the first call.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from keyplan.errors import SinkDeniedError, SinkError, SinkUnavailableError
from keyplan.net.causes import find_fault
from keyplan.net.faults import ForeignAnswerError
from keyplan.net.http import read_retry_after
from keyplan.net.retry import Again, Retrier
from keyplan.net.trust import make_tls_context
from keyplan.sinks.answers import MAX_KEYS, MISREAD, Listing, explain_misread, to_text, to_texts
from keyplan.sinks.patience import Attempt, Refused, Taken, explain_fault, persist
from keyplan.system.optional import importing, require

TYPE = "azure-key-vault"
_CONNECT_SECONDS = 10
_READ_SECONDS = 30
_PATIENCE_SECONDS = 30
_DISABLED = "SecretDisabled"
"""Azure, "REST API error codes": the inner code if the newest version is disabled."""
_ADVICE: Mapping[str, str] = {
    "ForbiddenByFirewall": "let the vault's firewall pass this machine",
    "ForbiddenByConnection": "the vault takes private connections only: run keyplan in a network that has one",
}
_RIGHT_ADVICE = "give keyplan's identity the role 'Key Vault Secrets Officer', or that permission in an access policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureVersion:
    """One version of a secret; the newest one is what consumers get."""

    name: str
    id: str = ""
    """Empty in a listing of secrets, which does not contain it."""
    tags: Mapping[str, str]
    is_enabled: bool
    created_at: str = ""
    """Distinguishes one version from another, to the second, in listings too."""
    content: bytes | None = field(default=None, repr=False)
    """None if it is disabled, or was not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A version to be made."""

    content: bytes = field(repr=False)
    tags: Mapping[str, str]
    is_enabled: bool
    content_type: str
    expires_at: datetime | None


class Vault:
    """One vault. Safe for threads."""

    def __init__(self, client: Any, *, host: str, retrier: Retrier, max_keys: int = MAX_KEYS) -> None:
        """Take a SecretClient that tries once, or what behaves like it."""
        self._max_keys = max_keys
        self._client = client
        self._retrier = retrier
        self._host = host

    def get(self, name: str) -> AzureVersion | None:
        """Return the newest version, with its content unless it is disabled; None if there is no such secret."""
        try:
            return self._find(lambda client: _read_value(client.get_secret(name)), "get", name)
        except _DisabledError:
            # Newest by the second: of two in one second, the disabled one is what Azure speaks of.
            newest = sorted(self.versions(name), key=lambda version: (version.created_at, not version.is_enabled))
            return newest[-1] if newest else None

    def versions(self, name: str) -> tuple[AzureVersion, ...]:
        """Return all versions without their contents, oldest first."""
        found = self._list(lambda client: client.list_properties_of_secret_versions(name), _version, name)
        return tuple(sorted(found, key=lambda version: version.created_at))

    def list_all(self) -> dict[str, AzureVersion]:
        """Return the newest version of every secret without its content, by name in lower case; 25 at a time."""
        found = self._list(lambda client: client.list_properties_of_secrets(), _version, "the secrets")
        return {version.name: version for version in found}

    def set(self, name: str, draft: Draft) -> AzureVersion:
        """Make a new version."""

        def ask(client: Any) -> AzureVersion:
            made = client.set_secret(
                name,
                draft.content.decode(),
                enabled=draft.is_enabled,
                tags=dict(draft.tags),
                content_type=draft.content_type,
                expires_on=draft.expires_at,
            )
            return _version(made.properties)

        version: AzureVersion = self._try(ask, "set", name)
        return version

    def change(self, version: AzureVersion, *, tags: Mapping[str, str], is_enabled: bool) -> None:
        """Replace all tags of a version, and say whether consumers get it."""

        def ask(client: Any) -> Any:
            return client.update_secret_properties(version.name, version.id, tags=dict(tags), enabled=is_enabled)

        self._try(ask, "set", version.name)

    def delete(self, name: str) -> None:
        """Delete a secret; if the vault keeps deleted ones, it can be recovered. A missing one is not an error."""
        self._try(lambda client: client.begin_delete_secret(name), "delete", name, absent=True)

    def find_deleted(self, name: str) -> AzureVersion | None:
        """Return the newest version of a secret that was deleted and can be recovered; None if there is none."""
        return self._find(lambda client: _version(client.get_deleted_secret(name).properties), "get", name)

    def list_deleted(self) -> dict[str, AzureVersion]:
        """Return the newest version of every secret that was deleted and can be recovered, by name; 25 at a time."""
        found = self._list(
            lambda client: client.list_deleted_secrets(),
            lambda deleted: _version(deleted.properties),
            "the deleted secrets",
        )
        return {version.name: version for version in found}

    def recover(self, name: str) -> None:
        """Take a deletion back. Raises SinkUnavailableError if that takes too long."""

        def ask(client: Any) -> bool:
            poller = client.begin_recover_deleted_secret(name)
            poller.wait(_PATIENCE_SECONDS)
            return bool(poller.done())

        if not self._try(ask, "recover", name):
            raise SinkUnavailableError(f"{self._host}/{name}: is still being recovered", advice="apply again later")

    def _find(self, ask: Callable[[Any], AzureVersion], right: str, name: str) -> AzureVersion | None:
        found: AzureVersion | None = self._try(ask, right, name, absent=True)
        return found

    def _list(
        self, ask: Callable[[Any], Any], read: Callable[[Any], AzureVersion], name: str
    ) -> tuple[AzureVersion, ...]:
        """Return a listing, page by page up to its ceiling. The SDK itself would go on for ever."""

        def ask_all(client: Any) -> tuple[AzureVersion, ...]:
            listing = Listing(f"{self._host}/{name}", max_keys=self._max_keys)
            found: list[AzureVersion] = []
            for page in map(list, ask(client).by_page()):
                listing.add_page(len(page))
                found += map(read, page)
            return tuple(found)

        versions: tuple[AzureVersion, ...] = self._try(ask_all, "list", name)
        return versions

    def _try(self, ask: Callable[[Any], Any], right: str, name: str, *, absent: bool = False) -> Any:
        """Return an answer; with `absent`, None if Azure says that there is nothing."""
        place = f"{self._host}/{name}"
        return persist(
            lambda: self._send(ask, place),
            self._retrier,
            place=place,
            explain=lambda error: _explain(error, right, place),
            absent=absent,
        )

    def _send(self, ask: Callable[[Any], Any], place: str) -> Attempt:
        """Send a request once, and return the answer, Azure's refusal, or the error that there is no answer."""
        errors = require("azure.core.exceptions", extra=TYPE)
        try:
            return Taken(answer=ask(self._client))
        except errors.HttpResponseError as error:
            return Refused(
                error=error,
                limit=_find_limit(error, self._retrier.clock.now()),
                is_absent=isinstance(error, errors.ResourceNotFoundError),
                is_passing=int(error.status_code or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR,
            )
        except (errors.AzureError, ForeignAnswerError) as error:
            fault = find_fault(error, f"https://{self._host}")
            return explain_fault(place, fault, "the sink's 'vault_url'")
        except ValueError as error:
            # What answers names another service than the vault to log in to.
            return SinkDeniedError(
                f"{place}: the answer is not that of a vault at this address ({type(error).__name__})",
                advice="check vault_url",
            )
        except MISREAD:
            # Of the SDK, which trusts the shape of what it parses, and of `_version`.
            return explain_misread(place, advice="check vault_url and the proxy")


class _DisabledError(SinkDeniedError):
    """The newest version of a secret is disabled."""


def connect(
    vault_url: str,
    host: str,
    *,
    environment: Mapping[str, str],
    ca_file: str = "",
    retrier: Retrier,
    max_keys: int = MAX_KEYS,
) -> Vault:
    """Return a vault; nothing is sent yet. Raises InputError without the SDK, or if `ca_file` or a proxy can't be used.

    Who keyplan is comes from where every program with Azure's SDK finds it: environment, workload or managed identity,
    Azure CLI.
    """
    secrets = require("azure.keyvault.secrets", extra=TYPE)
    identity = require("azure.identity", extra=TYPE)
    named = f"{TYPE}: ca_file"
    client = secrets.SecretClient(
        vault_url,
        # The authorities of `ca_file` are the vault's; who keyplan is comes from other servers.
        identity.DefaultAzureCredential(transport=_open_transport(vault_url, environment)),
        transport=_open_transport(
            vault_url,
            environment,
            make_tls_context(environment=environment, ca_file=ca_file, named=named),
            is_vault=True,
        ),
        connection_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        # The sink repeats requests itself, by one rule with all others, and says what it waits for.
        retry_total=0,
        # The SDK would follow a redirect, and send a raw key after it.
        permit_redirects=False,
    )
    return Vault(client, host=host, retrier=retrier, max_keys=max_keys)


def _open_transport(
    vault_url: str, environment: Mapping[str, str], tls: ssl.SSLContext | None = None, *, is_vault: bool = False
) -> Any:
    transport = require("azure.core.pipeline.transport", extra=TYPE)
    with importing(TYPE):
        # Needs requests, which the SDK brings.
        from keyplan.net.sessions import open_session, refuse_foreign_answers  # noqa: PLC0415 - as said
    session = open_session(environment=environment, base_url=vault_url, tls=tls)
    if is_vault:
        refuse_foreign_answers(session)
    # Not its owner: one credential of the chain that is closed would close it for all.
    return transport.RequestsTransport(session=session, session_owner=False, use_env_settings=False)


def _find_limit(error: Any, now: datetime) -> Again | None:
    """Return how long Azure wants to be waited for; None if it does not throttle.

    learn.microsoft.com, "Azure Key Vault throttling guidance": 429, and the limits are those of ten seconds.
    """
    status = int(error.status_code or 0)
    headers = getattr(error.response, "headers", None) or {}
    pause = read_retry_after(headers.get("Retry-After"), now)
    is_limit = status == HTTPStatus.TOO_MANY_REQUESTS or (
        status == HTTPStatus.SERVICE_UNAVAILABLE and pause is not None
    )
    return Again(throttled=True, retry_after=pause) if is_limit else None


def _explain(error: Any, right: str, place: str) -> SinkError:
    status, code = int(error.status_code or 0), _inner_code(error)
    if status == HTTPStatus.FORBIDDEN and code == _DISABLED:
        return _DisabledError(f"{place}: is disabled", advice="enable it, or apply: a new version is enabled")
    if status == HTTPStatus.FORBIDDEN:
        return SinkDeniedError(
            f"{place}: Azure denies '{right}' on secrets ({code or status})", advice=_ADVICE.get(code, _RIGHT_ADVICE)
        )
    if status in (0, HTTPStatus.UNAUTHORIZED):
        return SinkDeniedError(
            f"{place}: there are no usable Azure credentials ({type(error).__name__})",
            advice="run 'az login', or give this machine a managed or workload identity",
        )
    if status == HTTPStatus.CONFLICT:
        return SinkUnavailableError(
            f"{place}: is just being deleted or recovered ({code or status})", advice="apply again later"
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SinkUnavailableError(f"{place}: Azure answered {status} to '{right}'", advice="apply again later")
    return SinkDeniedError(f"{place}: Azure answered {status} to '{right}'", advice="check the sink's options")


def _inner_code(error: Any) -> str:
    """Return the code inside Azure's error, such as SecretDisabled; empty if there is none."""
    inner = getattr(error.error, "innererror", None)
    code = inner.get("code") if isinstance(inner, Mapping) else None
    return code if isinstance(code, str) and code.isalnum() else ""


def _read_value(found: Any) -> AzureVersion:
    return _version(found.properties, to_text(found.value or "").encode())


def _version(properties: Any, content: bytes | None = None) -> AzureVersion:
    created_on = properties.created_on
    return AzureVersion(
        name=to_text(properties.name).lower(),
        id=to_text(properties.version or ""),
        tags=to_texts(properties.tags),
        is_enabled=bool(properties.enabled),
        created_at=created_on.isoformat() if created_on else "",
        content=content,
    )
