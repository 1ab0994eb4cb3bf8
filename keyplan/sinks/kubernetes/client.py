"""Secrets in one cluster over its API: look, list, apply, patch, delete; each call repeatable and bounded in time.

No body of a request or an answer is in an error or a log, and the token goes to no other server.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from itertools import groupby
from typing import Any
from urllib.parse import quote

import httpx

from keyplan.errors import SinkUnavailableError
from keyplan.net.answers import load_json
from keyplan.net.http import Answer, Bearer, Exchange, Failure, exchange, read_retry_after
from keyplan.net.retry import Again, Patience, Retrier
from keyplan.sinks.answers import MAX_KEYS, MISREAD, Listing, to_list, to_mapping, to_text
from keyplan.sinks.kubernetes.config import Connection
from keyplan.sinks.kubernetes.errors import KubeForbiddenError, explain_failure, explain_refusal
from keyplan.sinks.kubernetes.identity import Certificate, Presented
from keyplan.sinks.kubernetes.secret import KubernetesSecret, SecretRef, read_secret
from keyplan.sinks.patience import explain_throttled

_GIVING_WAY = Patience(first=timedelta(seconds=0.1), longest=timedelta(seconds=2))
WIDEST = 8
_FEW = 4
"""Up to how many Secrets are looked at one by one; a listing would bring others along."""
_PAGE_SIZE = 250
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_META = "g=meta.k8s.io;v=v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    verb: str
    """The right that RBAC must give."""
    method: str
    namespace: str
    name: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    content_type: str = "application/json"
    accept: str = "application/json"

    @property
    def what(self) -> str:
        return f"Secret {self.namespace}/{self.name}" if self.name else f"Secrets in {self.namespace}"

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{quote(self.namespace)}/secrets{f'/{quote(self.name)}' if self.name else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What is applied to a Secret by server-side apply."""

    manager: str
    config: Mapping[str, Any] = field(repr=False)
    """Labels and annotations under `metadata`, and `data`."""
    version: str = ""
    """Which version it must still have; empty for any."""
    is_forced: bool = False
    """Whether what other managers own is taken over; never without a version, which says what that is."""
    is_rehearsal: bool = False
    """Whether the cluster only says what would happen."""

    def rehearsed(self) -> Applied:
        """Return the same, to be rehearsed only."""
        return replace(self, is_rehearsal=True)


class KubeApi:
    """Implements requests on one connection; safe for threads.

    Every method may raise SinkDeniedError and SinkUnavailableError.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        open_http: Callable[[Connection, Certificate | None], httpx.Client],
        retrier: Retrier,
        metadata_only: bool,
        max_keys: int = MAX_KEYS,
    ) -> None:
        self._max_keys = max_keys
        self._connection = connection
        self._open_http = open_http
        self._retrier = retrier
        self._metadata_only = metadata_only
        self._lock = threading.Lock()
        self._clients: dict[str, httpx.Client] = {}

    def look(self, ref: SecretRef) -> KubernetesSecret | None:
        """Return a Secret; None if there is none. Without the right to get, a rehearsed patch of nothing shows it."""
        partial = f"application/json;as=PartialObjectMetadata;{_META}"
        accept = partial if self._metadata_only else "application/json"
        call = _Call(verb="get", method="GET", namespace=ref.namespace, name=ref.name, accept=accept)
        answer = self._send(call)
        if answer.status == HTTPStatus.FORBIDDEN:
            call = _Call(
                verb="get or patch",
                method="PATCH",
                namespace=ref.namespace,
                name=ref.name,
                parameters={"dryRun": "All"},
                body={},
                content_type=_MERGE,
                accept=accept,
            )
            answer = self._send(call)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return self._read(call, _expect(answer, call))

    def find(self, refs: Collection[SecretRef], label: str) -> Mapping[SecretRef, KubernetesSecret]:
        """Return those of the Secrets that exist; many of a namespace by a listing of those that bear a label."""
        found: dict[SecretRef, KubernetesSecret] = {}
        for namespace, group in groupby(sorted(refs), key=lambda ref: ref.namespace):
            if len(list(group)) > _FEW:
                found |= self._list(namespace, label)
        with ThreadPoolExecutor(max_workers=WIDEST) as pool:
            looked = pool.map(self.look, sorted(set(refs) - found.keys()))
            found |= {secret.ref: secret for secret in looked if secret}
        return {ref: found[ref] for ref in refs if ref in found}

    def apply(self, ref: SecretRef, applied: Applied) -> KubernetesSecret:
        """Apply fields by server-side apply, and return the Secret's metadata; it is made if there is none.

        Raises OwnedElsewhereError if another manager owns one of the fields, and MovedOnError if the Secret has
        another version than the one that is named.
        """
        pinned = {"resourceVersion": applied.version} if applied.version else {}
        metadata = {**applied.config.get("metadata", {}), "namespace": ref.namespace, "name": ref.name, **pinned}
        call = _Call(
            verb="create and patch",
            method="PATCH",
            namespace=ref.namespace,
            name=ref.name,
            parameters={
                "fieldManager": applied.manager,
                "force": "true" if applied.is_forced else "false",
                **({"dryRun": "All"} if applied.is_rehearsal else {}),
            },
            # JSON is YAML, and no YAML writer can turn a value into something else.
            body={"apiVersion": "v1", "kind": "Secret", **applied.config, "metadata": metadata},
            content_type=_APPLY,
            accept=f"application/json;as=PartialObjectMetadata;{_META}",
        )
        return self._read(call, _expect(self._send(call), call), metadata_only=True)

    def patch(self, ref: SecretRef, changes: Mapping[str, Any], *, manager: str) -> None:
        """Merge changes that name the version which they are meant for. Raises MovedOnError if it has another."""
        call = _Call(
            verb="patch",
            method="PATCH",
            namespace=ref.namespace,
            name=ref.name,
            parameters={"fieldManager": manager},
            body=changes,
            content_type=_MERGE,
            accept=f"application/json;as=PartialObjectMetadata;{_META}",
        )
        answer = self._send(call)
        if answer.status != HTTPStatus.NOT_FOUND:
            _expect(answer, call)

    def delete(self, secret: KubernetesSecret) -> None:
        """Delete a Secret as it is. Raises MovedOnError if it has changed, KubeForbiddenError without the right to."""
        call = _Call(
            verb="delete",
            method="DELETE",
            namespace=secret.ref.namespace,
            name=secret.ref.name,
            body={"preconditions": {"uid": secret.uid, "resourceVersion": secret.version}},
            accept=f"application/json;as=PartialObjectMetadata;{_META},application/json",
        )
        answer = self._send(call)
        if answer.status != HTTPStatus.NOT_FOUND:
            _expect(answer, call)

    def give_way(self, attempt: int) -> None:
        """Pause, longer with each attempt, so that other writers of the same Secret get through."""
        self._retrier.clock.sleep(timedelta(seconds=self._retrier.jitter(_GIVING_WAY.bound(attempt).total_seconds())))

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _list(self, namespace: str, label: str) -> Mapping[SecretRef, KubernetesSecret]:
        """Return the Secrets of a namespace that bear a label; none if listing is not allowed."""
        try:
            return {secret.ref: secret for secret in self._pages(namespace, label)}
        except KubeForbiddenError:
            return {}

    def _pages(self, namespace: str, label: str) -> Iterator[KubernetesSecret]:
        partial = f"application/json;as=PartialObjectMetadataList;{_META}"
        parameters = {"labelSelector": label, "limit": str(_PAGE_SIZE)}
        listing = Listing(f"Secrets in {namespace}: {self._connection.server}", max_keys=self._max_keys)
        while True:
            call = _Call(
                verb="list",
                method="GET",
                namespace=namespace,
                parameters=parameters,
                accept=partial if self._metadata_only else "application/json",
            )
            answer = self._send(call)
            if answer.status == HTTPStatus.GONE:
                # The listing took so long that its snapshot is gone; what is missing now is looked at one by one.
                return
            document = _parse(call, _expect(answer, call))
            try:
                items = to_list(document["items"])
                token = to_text(to_mapping(document.get("metadata")).get("continue") or "")
            except MISREAD:
                raise _unknown_form(call) from None
            listing.add_page(len(items), cursor=token)
            for item in items:
                yield self._understand(call, item)
            if not token:
                return
            parameters = {**parameters, "continue": token}

    def _send(self, call: _Call) -> Answer:
        """Return the answer; a credential that is no longer accepted is renewed once."""
        answer = self._ask(call, self._present(renewed=False))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return self._ask(call, self._present(renewed=True))
        return answer

    def _present(self, *, renewed: bool) -> Presented:
        return self._connection.identity.present(self._retrier.clock.now(), renewed=renewed)

    def _ask(self, call: _Call, presented: Presented) -> Answer:
        http = self._client(presented.certificate)
        bearer = None if presented.token is None else Bearer(presented.token)
        request = http.build_request(
            call.method,
            f"{self._connection.server}{call.path}",
            params=dict(call.parameters),
            content=json.dumps(call.body) if call.body is not None else None,
            headers={"Accept": call.accept, "Content-Type": call.content_type},
            extensions={"sni_hostname": self._connection.server_name} if self._connection.server_name else {},
        )
        result = self._retrier.persist(lambda: exchange(http, request, bearer=bearer), self._judge)
        limit = self._find_limit(result) if isinstance(result, Answer) else None
        if result is None or limit:
            raise explain_throttled(call.what, self._retrier, limit)
        if isinstance(result, Answer) and not _is_passing(result.status) and result.fault is None:
            return result
        raise explain_failure(result, call.what, self._connection.server)

    def _client(self, certificate: Certificate | None) -> httpx.Client:
        chain = certificate.chain if certificate else ""
        with self._lock:
            if chain not in self._clients:
                self._clients[chain] = self._open_http(self._connection, certificate)
            return self._clients[chain]

    def _judge(self, result: Exchange) -> Again | None:
        if isinstance(result, Failure):
            return Again() if result.passing else None
        return self._find_limit(result) or (Again() if _is_passing(result.status) else None)

    def _find_limit(self, answer: Answer) -> Again | None:
        """Return how long the cluster asks to wait; None if it does not.

        kubernetes.io/docs, "API Priority and Fairness": 429 with Retry-After.
        """
        if answer.status not in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            return None
        pause = read_retry_after(answer.retry_after, self._retrier.clock.now())
        is_limit = pause is not None or answer.status == HTTPStatus.TOO_MANY_REQUESTS
        return Again(throttled=True, retry_after=pause) if is_limit else None

    def _read(self, call: _Call, answer: Answer, *, metadata_only: bool = False) -> KubernetesSecret:
        return self._understand(call, _parse(call, answer), metadata_only=metadata_only)

    def _understand(self, call: _Call, document: Mapping[str, Any], *, metadata_only: bool = False) -> KubernetesSecret:
        try:
            return read_secret(document, metadata_only=metadata_only or self._metadata_only)
        except MISREAD:
            raise _unknown_form(call) from None


def _is_passing(status: int) -> bool:
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _expect(answer: Answer, call: _Call) -> Answer:
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    ref = SecretRef(call.namespace, call.name)
    raise explain_refusal(answer, call.what, verb=call.verb, ref=ref)


def _parse(call: _Call, answer: Answer) -> Mapping[str, Any]:
    try:
        document = load_json(answer.body, is_text_safe=True)
    except ValueError:
        raise _unknown_form(call) from None
    if not isinstance(document, dict):
        raise _unknown_form(call)
    return document


def _unknown_form(call: _Call) -> SinkUnavailableError:
    return SinkUnavailableError(
        f"{call.what}: the answer is not that of a Kubernetes API", advice="check the kubeconfig's 'server'"
    )
