"""Credentials for a cluster: a token, a token in a file that is renewed, a certificate, or a plugin's answer.

No token and no private key is in an error.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from keyplan.errors import SinkDeniedError
from keyplan.model.secret import Credential
from keyplan.system.programs import run
from keyplan.system.secrets import is_header_safe

_PLUGIN_LIMIT = timedelta(seconds=60)
_EARLY = timedelta(seconds=30)
"""A token that ends so soon may end on the way."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A client certificate; compared by its chain."""

    chain: str
    """PEM."""
    key: Credential = field(compare=False)
    """PEM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What goes with a request."""

    token: Credential | None = None
    certificate: Certificate | None = None


class ClusterUser(Protocol):
    """A user of a cluster."""

    def present(self, now: datetime, *, renewed: bool) -> Presented:
        """Return what to present; `renewed`: what was presented before is no longer accepted.

        Raises SinkDeniedError and SinkUnavailableError.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """A token or a certificate in the kubeconfig."""

    token: Credential | None
    certificate: Certificate | None

    def present(self, now: datetime, *, renewed: bool) -> Presented:  # noqa: ARG002 - it never changes
        """Return both."""
        return Presented(token=self.token, certificate=self.certificate)


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A token in a file, such as a pod's, which the kubelet renews every hour or so."""

    path: Path

    def present(self, now: datetime, *, renewed: bool) -> Presented:  # noqa: ARG002 - always read again
        """Return the token that is there now."""
        try:
            return Presented(token=_check(self.path.read_text(encoding="utf-8").strip(), f"'{self.path}'"))
        except (OSError, UnicodeDecodeError):
            raise SinkDeniedError(f"the token '{self.path}' cannot be read", advice="see that it is mounted") from None


class Plugin:
    """A credential plugin (kubernetes.io/docs, "client-go credential plugins"); its answer is kept until it ends."""

    def __init__(self, *, argv: tuple[str, ...], folder: str, environment: Mapping[str, str], api_version: str) -> None:
        self._argv = argv
        self._folder = folder
        self._environment = environment
        self._api_version = api_version
        self._lock = threading.Lock()
        self._kept: Presented | None = None
        self._until: datetime | None = None

    def present(self, now: datetime, *, renewed: bool) -> Presented:
        """Return what the plugin says; it runs if nothing is kept, or what is kept is no longer good."""
        with self._lock:
            is_over = self._until is not None and now >= self._until - _EARLY
            if self._kept is None or is_over or renewed:
                self._kept, self._until = self._read(self._run())
            return self._kept

    def _run(self) -> Mapping[str, Any]:
        request = {"apiVersion": self._api_version, "kind": "ExecCredential", "spec": {"interactive": False}}
        ran = run(
            self._argv,
            given=b"",
            folder=self._folder,
            environment={**self._environment, "KUBERNETES_EXEC_INFO": json.dumps(request)},
            limit=_PLUGIN_LIMIT,
        )
        if ran.status != 0:
            raise self._refuse(f"failed with exit status {ran.status}")
        try:
            answer = json.loads(ran.out)
            if answer["apiVersion"] != self._api_version:
                raise self._refuse("speaks another version than the kubeconfig")
            status: Mapping[str, Any] = dict(answer["status"])
        except (ValueError, TypeError, KeyError):
            # From None: the cause quotes what the plugin printed.
            raise self._refuse("printed no ExecCredential") from None
        return status

    def _read(self, status: Mapping[str, Any]) -> tuple[Presented, datetime | None]:
        token, chain, key = (status.get(name) or "" for name in ("token", "clientCertificateData", "clientKeyData"))
        if not token and not (chain and key):
            raise self._refuse("gave neither a token nor a certificate")
        try:
            until = datetime.fromisoformat(status["expirationTimestamp"]).astimezone(UTC)
        except (KeyError, TypeError, ValueError):
            until = None
        return Presented(
            token=_check(token, f"the token of plugin '{self._argv[0]}'") if token else None,
            certificate=Certificate(chain, Credential(key)) if chain and key else None,
        ), until

    def _refuse(self, what: str) -> SinkDeniedError:
        # Its stderr isn't shown: a plugin may print secrets there.
        return SinkDeniedError(
            f"the kubeconfig's plugin '{self._argv[0]}' {what}",
            advice="run 'kubectl auth can-i list secrets' to see why",
        )


def _check(text: str, what: str) -> Credential:
    if not text or not is_header_safe(text):
        raise SinkDeniedError(f"{what} is not a token", advice="it must be one word of printable ASCII")
    return Credential(text)
