"""The cells of the network matrix, and what must come of each, computed from the rules of docs/networks.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

NAME, ADDRESS = "api.keyplan.test", "fd01::10"
"""What is asked: over IPv4 by name, over IPv6 by address. Neither is loopback, which is never proxied."""


class ProxyKind(Enum):
    """What HTTPS_PROXY names."""

    NONE = "none"
    HTTP = "http"
    HTTPS = "https"
    CREDENTIALS = "with credentials"
    WRONG_CREDENTIALS = "with wrong credentials"
    REFUSING = "refusing"
    SOCKS = "socks"


class Exempt(Enum):
    """What NO_PROXY holds."""

    NOTHING = "no NO_PROXY"
    MATCHING = "matching NO_PROXY"
    OTHER = "other NO_PROXY"


class Trusted(Enum):
    """Where the authority of the server is named."""

    SYSTEM = "system"
    SSL_CERT_FILE = "SSL_CERT_FILE"
    REQUESTS_CA_BUNDLE = "REQUESTS_CA_BUNDLE"
    OWN = "the client's own setting, over a wrong SSL_CERT_FILE"
    WRONG = "wrong SSL_CERT_FILE"


class Outcome(Enum):
    """What comes of a request."""

    REACHED = "the server was reached"
    UNTRUSTED = "the certificate is not trusted"
    REFUSED = "connection refused"
    CREDENTIALS = "credentials are missing or wrong"


OWN_VARIABLES = {
    "arize": "ARIZE_SSL_CA_CERT",
    "aws-ssm": "AWS_CA_BUNDLE",
    "aws-secrets-manager": "AWS_CA_BUNDLE",
}
OWN_OPTIONS = frozenset({"vault", "azure-key-vault"})
IN_KUBECONFIG = "kubernetes"
SHORT = ("arize", "vault", "github-actions", "kubernetes")
CLIENTS = (
    *SHORT,
    "gitlab-ci",
    "webhook",
    "aws-ssm",
    "aws-secrets-manager",
    "gcp-secret-manager",
    "azure-key-vault",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkCell:
    """One client in one network."""

    client: str
    proxy: ProxyKind
    exempt: Exempt
    trusted: Trusted
    is_v6: bool

    @property
    def is_proxied(self) -> bool:
        """Whether the request goes to the proxy."""
        return self.proxy is not ProxyKind.NONE and self.exempt is not Exempt.MATCHING

    @property
    def reaches_through(self) -> bool:
        """Whether the proxy opens a way to the server."""
        return self.is_proxied and self._proxy_fault() is None

    def expected(self) -> Outcome:
        """Return what must come of it."""
        fault = self._proxy_fault() if self.is_proxied else None
        return fault or (Outcome.UNTRUSTED if self.trusted is Trusted.WRONG else Outcome.REACHED)

    def _proxy_fault(self) -> Outcome | None:
        match self.proxy:
            case ProxyKind.REFUSING:
                return Outcome.REFUSED
            case ProxyKind.WRONG_CREDENTIALS:
                return Outcome.CREDENTIALS
            case ProxyKind.HTTPS if self.trusted in (Trusted.OWN, Trusted.WRONG):
                # A proxy gets what any server gets: a client's own authorities do not count for it.
                return Outcome.UNTRUSTED
        return None

    def __str__(self) -> str:
        version = "IPv6" if self.is_v6 else "IPv4"
        return f"{self.client}, proxy {self.proxy.value}, {self.exempt.value}, {self.trusted.value}, {version}"


def make_cells(clients: tuple[str, ...], *, is_short: bool) -> Iterator[NetworkCell]:
    """Yield all cells of Arize, and for the other clients every pair that can depend on each other."""
    for client in clients:
        for proxy in ProxyKind:
            for exempt in Exempt:
                for trusted in Trusted:
                    for is_v6 in (False, True):
                        cell = NetworkCell(client=client, proxy=proxy, exempt=exempt, trusted=trusted, is_v6=is_v6)
                        if _is_possible(cell) and (_is_worth(cell) or (client == "arize" and not is_short)):
                            yield cell


def _is_possible(cell: NetworkCell) -> bool:
    has_own = cell.client in OWN_VARIABLES or cell.client in OWN_OPTIONS or cell.client == IN_KUBECONFIG
    return has_own or cell.trusted is not Trusted.OWN


def _is_worth(cell: NetworkCell) -> bool:
    """Whether a cell shows a rule that no other shows: ways with one bundle, bundles with four ways."""
    if cell.trusted is Trusted.SSL_CERT_FILE:
        return True
    is_plain_way = cell.exempt is Exempt.NOTHING and not cell.is_v6
    return is_plain_way and cell.proxy in (ProxyKind.NONE, ProxyKind.HTTP, ProxyKind.HTTPS, ProxyKind.SOCKS)
