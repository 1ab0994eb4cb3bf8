"""The KV version 2 API of Vault and OpenBao, as far as keyplan needs it: outcomes are distinct, every write is checked.

No redirect is followed with a token, nothing is written without check-and-set, and no error repeats a request's body or
the server's own words: they may quote it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from threading import Lock
from typing import Any
from urllib.parse import quote

from keyplan.errors import SinkDeniedError, SinkError, SinkUnavailableError
from keyplan.model.secret import Credential
from keyplan.net.http import read_http_date
from keyplan.net.retry import Again, Retrier
from keyplan.sinks.answers import to_list, to_mapping, to_text, to_texts, understood
from keyplan.sinks.patience import explain_throttled
from keyplan.sinks.vault.auth import Auth, Token
from keyplan.sinks.vault.errors import (
    VaultForbiddenError,
    explain_conflict,
    explain_failure,
    explain_foreign,
    explain_old_engine,
    explain_refusal,
    explain_status,
    find_limit,
    is_sealed,
)
from keyplan.system.secrets import is_header_safe

_MERGE = {"Content-Type": "application/merge-patch+json"}
_RENEW_AFTER = 0.6
"""Of a login's life; what is begun then ends well before it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultSecret:
    """One secret at one instant."""

    exists: bool = False
    """Whether the store knows the path; it may have no version."""
    version: int = 0
    """The newest one's number; 0 where there was none yet."""
    is_live: bool = False
    """Whether that version is neither deleted nor destroyed."""
    written_at: datetime | None = None
    """When that version was written."""
    entries: Mapping[str, str] = field(default_factory=dict)
    """Custom metadata."""
    metadata_version: int | None = None
    """Which a change of metadata may name, so that it happens over no other (OpenBao since 2.3); None: it may not."""
    noted_at: datetime | None = None
    """When anything of it was last written, by the server's clock; None where that was not asked for."""
    seen_at: datetime | None = None
    """When the server answered, by the same clock."""
    fields: Mapping[str, Any] | None = field(default=None, repr=False)
    """What it holds; None where it may not be read, or is not live."""


class VaultClient:
    """Asks one server with one login. Safe for threads."""

    def __init__(self, client: Any, exceptions: Any, *, auth: Auth, retrier: Retrier, address: str) -> None:
        """Take an hvac client with a RawAdapter that raises for no status, and `requests.exceptions`."""
        self._client = client
        self._exceptions = exceptions
        self._auth = auth
        self._retrier = retrier
        self._clock = retrier.clock
        self._address = address
        self._lock = Lock()
        self._good_until: datetime | None = None
        self._lacks_patch = False

    def look(self, mount: str, path: str, *, values: bool) -> VaultSecret:
        """Return a secret, its fields with `values` and the right to read them. Raises ForbiddenError."""
        if values:
            answer = self._ask(
                lambda kv: kv.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)
            )
            if answer.status_code == HTTPStatus.OK:
                with understood(self._address):
                    return _read_values(self._data(answer), f"{mount}/{path}")
        answer = self._ask(lambda kv: kv.read_secret_metadata(path, mount_point=mount))
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return VaultSecret()
        self._check(answer, f"{mount}/metadata/{path}", right="read")
        with understood(self._address):
            found = _read_metadata(self._data(answer), f"{mount}/{path}", now=self._clock.now())
        return replace(found, seen_at=read_http_date(answer.headers.get("Date")))

    def look_closely(self, mount: str, path: str, *, values: bool) -> VaultSecret:
        """Return a secret with all that a change of it has to name. Raises VaultConflictError, ForbiddenError.

        One request more than `look`: the version of the metadata is not shown beside the values.
        """
        try:
            noted = self.look(mount, path, values=False)
        except VaultForbiddenError:
            return self.look(mount, path, values=values)
        if not values or not noted.exists:
            return noted
        read = self.look(mount, path, values=True)
        if (read.version, read.entries) != (noted.version, noted.entries):
            raise explain_conflict(mount, path)
        return replace(noted, fields=read.fields)

    def write(self, mount: str, path: str, fields: Mapping[str, Any], *, cas: int) -> int:
        """Store all fields of a secret and return its new version. Raises ConflictError, ForbiddenError."""
        answer = self._ask(lambda kv: kv.create_or_update_secret(path, dict(fields), cas=cas, mount_point=mount))
        return self._stored(answer, mount, path, cas, right="create and update")

    def patch(self, mount: str, path: str, fields: Mapping[str, Any], *, cas: int) -> int:
        """Change these fields of a secret, None removes one, and return its new version.

        Raises VaultConflictError, and VaultForbiddenError also where the server is too old to know how.
        """
        body = {"data": dict(fields), "options": {"cas": cas}}
        answer = self._patch(f"/v1/{mount}/data/{path}", body)
        return self._stored(answer, mount, path, cas, right="patch")

    def delete(self, mount: str, path: str) -> None:
        """Delete the newest version of a secret; the store can bring it back."""
        answer = self._ask(lambda kv: kv.delete_latest_version_of_secret(path, mount_point=mount))
        self._check(answer, f"{mount}/data/{path}", right="delete")

    def note(self, mount: str, path: str, changes: Mapping[str, str | None], *, secret: VaultSecret) -> None:
        """Change entries of a secret's custom metadata, which must exist; None removes one.

        Raises VaultConflictError if another program changed the metadata meanwhile, where the server compares it.
        """
        pinned = {} if secret.metadata_version is None else {"metadata_cas": secret.metadata_version}
        url = f"/v1/{mount}/metadata/{path}"
        answer = self._patch(url, {"custom_metadata": dict(changes), **pinned})
        if answer.status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED}:
            self._lacks_patch = True
            # Replaces all entries: what another process noted since the look would be lost, so that patch comes first.
            entries = {name: value for name, value in {**secret.entries, **changes}.items() if value is not None}
            body = {"custom_metadata": entries, **pinned}
            answer = self._send(lambda client: client.adapter.request("post", quote(url), json=body))
        if pinned and answer.status_code == HTTPStatus.BAD_REQUEST:
            raise explain_conflict(mount, path)
        self._check(answer, f"{mount}/metadata/{path}", right="patch, create and update")

    def make_known(self, mount: str, path: str) -> None:
        """Make a path known to the store, without a version; notes that are there meanwhile stay."""
        # A request without custom metadata leaves the present one alone, so that two runs can do this at once. It has
        # to say something, and says what holds for a new path anyway.
        body = {"max_versions": 0, "metadata_cas": 0}
        url = f"/v1/{mount}/metadata/{path}"
        answer = self._send(lambda client: client.adapter.request("post", quote(url), json=body))
        # Refused where the path has been made meanwhile.
        if answer.status_code != HTTPStatus.BAD_REQUEST:
            self._check(answer, f"{mount}/metadata/{path}", right="create and update")

    @property
    def may_patch_notes(self) -> bool:
        """Whether entries of metadata can be changed one by one, as far as it turned out."""
        return not self._lacks_patch

    def rights(self, paths: Collection[str]) -> Mapping[str, frozenset[str]] | None:
        """Return what the token may do with full paths such as ``secret/data/arize/ci``; None where it can't ask."""
        named = sorted(paths)
        answer = self._send(lambda client: client.sys.get_capabilities(paths=named))
        if answer.status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            return None
        self._check(answer, "sys/capabilities-self", right="update")
        with understood(self._address):
            found = self._data(answer)
            return {path: frozenset(map(to_text, to_list(found.get(path)))) for path in named}

    def engine_version(self, mount: str) -> str | None:
        """Return the version of the KV engine at a mount, ``1`` or ``2``; None where it can't be seen."""
        answer = self._send(lambda client: client.adapter.get(quote(f"/v1/sys/internal/ui/mounts/{mount}")))
        if answer.status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            return None
        self._check(answer, f"sys/internal/ui/mounts/{mount}", right="read")
        with understood(self._address):
            return str(to_mapping(self._data(answer).get("options")).get("version", "1"))

    # one request

    def _ask(self, request: Callable[[Any], Any]) -> Any:
        return self._send(lambda client: request(client.secrets.kv.v2))

    def _patch(self, url: str, body: Mapping[str, Any]) -> Any:
        # hvac's own patch of data reads first, which a write-only policy forbids; it has none for metadata's null.
        return self._send(lambda client: client.adapter.request("patch", quote(url), headers=dict(_MERGE), json=body))

    def _send(self, request: Callable[[Any], Any]) -> Any:
        """Return the answer to a request that is not refused for want of a login."""
        self._log_in()
        return self._transmit(request)

    def _transmit(self, request: Callable[[Any], Any]) -> Any:
        answer = self._retrier.persist(lambda: self._exchange(request), self._judge)
        if isinstance(answer, SinkError):
            raise answer
        limit = None if answer is None else self._judge(answer)
        if answer is None or limit:
            raise explain_throttled(self._address, self._retrier, limit)
        if HTTPStatus.OK <= answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
            return answer
        if HTTPStatus.BAD_REQUEST <= answer.status_code < HTTPStatus.TOO_MANY_REQUESTS:
            return answer
        raise explain_status(answer.status_code, self._address, is_sealed=is_sealed(answer))

    def _exchange(self, request: Callable[[Any], Any]) -> Any:
        """Return the answer to a request that is sent once, or the error that there is none."""
        try:
            answer = request(self._client)
        except self._exceptions.RequestException as error:
            # Returned and not raised: the cause carries the request, and with it the raw key.
            return explain_failure(error, self._address)
        return explain_foreign(answer, self._address) or answer

    def _judge(self, result: Any) -> Again | None:
        return None if isinstance(result, SinkError) else find_limit(result, self._clock.now())

    def _log_in(self) -> None:
        with self._lock:
            if isinstance(self._auth, Token):
                _use_token(self._client, self._auth.token.reveal())
                return
            now = self._clock.now()
            if self._good_until and now < self._good_until:
                return
            answer = self._transmit(self._auth.log_in)
            if answer.status_code != HTTPStatus.OK:
                raise SinkDeniedError(
                    f"{self._address} does not accept {self._auth.names()}",
                    advice="check role, secret and mount of the sink's 'auth', and that the role allows this machine",
                )
            with understood(self._address):
                granted = to_mapping(_parse(answer, self._address).get("auth"))
                token = Credential(to_text(granted["client_token"]))
                if not is_header_safe(to_text(granted["client_token"])):
                    raise ValueError("a token that no header takes")
                lasts = timedelta(seconds=granted.get("lease_duration") or 0) * _RENEW_AFTER
                self._good_until = now + lasts if lasts else datetime.max.replace(tzinfo=now.tzinfo)
            _use_token(self._client, token.reveal())

    # one answer

    def _data(self, answer: Any) -> Mapping[str, Any]:
        with understood(self._address):
            return to_mapping(_parse(answer, self._address).get("data"))

    def _stored(self, answer: Any, mount: str, path: str, cas: int, *, right: str) -> int:
        if answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}:
            now = self.look(mount, path, values=False)
            # A patch finds nothing where the version that was looked at has been deleted since.
            if now.version != cas or (right == "patch" and not now.is_live):
                raise explain_conflict(mount, path)
        self._check(answer, f"{mount}/data/{path}", right=right)
        version = self._data(answer).get("version")
        if not isinstance(version, int):
            raise explain_old_engine(f"{mount}/{path}")
        return version

    def _check(self, answer: Any, path: str, *, right: str) -> None:
        """Return for a success; raise the error that the user gets for anything else."""
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            raise explain_refusal(answer.status_code, path, right=right, who=self._auth.names(), address=self._address)


def _use_token(client: Any, token: str) -> None:
    client.token = token


def _parse(answer: Any, address: str) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, Mapping):
        raise SinkUnavailableError(
            f"{address} does not answer as Vault does", advice="check the address, and proxies on the way"
        )
    return found


def _read_values(data: Mapping[str, Any], named: str) -> VaultSecret:
    metadata = data.get("metadata")
    if not isinstance(metadata, Mapping):
        raise explain_old_engine(named)
    return VaultSecret(
        exists=True,
        version=_read_number(metadata["version"]),
        is_live=True,
        written_at=_read_time(metadata.get("created_time")),
        entries=to_texts(metadata.get("custom_metadata")),
        fields=to_mapping(data.get("data")),
    )


def _read_metadata(data: Mapping[str, Any], named: str, *, now: datetime) -> VaultSecret:
    if "current_version" not in data:
        raise explain_old_engine(named)
    number = _read_number(data["current_version"])
    newest = to_mapping(to_mapping(data.get("versions")).get(str(number)))
    # A time in the future is `delete_version_after` at work.
    deleted_at = _read_time(newest.get("deletion_time"))
    noted = data.get("current_metadata_version")
    return VaultSecret(
        exists=True,
        version=number,
        is_live=bool(newest) and not newest.get("destroyed") and (deleted_at is None or deleted_at > now),
        written_at=_read_time(newest.get("created_time")),
        entries=to_texts(data.get("custom_metadata")),
        metadata_version=None if noted is None else _read_number(noted),
        noted_at=_read_time(data.get("updated_time")),
    )


def _read_number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a number of a version")
    return value


def _read_time(text: str | None) -> datetime | None:
    if not text:
        return None
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
