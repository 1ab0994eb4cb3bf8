"""What libpq says of a connection that failed, as a fault of the network.

libpq has neither codes nor classes for it, so its words are read here, and nowhere else; the system's own are taken
from the system. What is not known here is shown as libpq says it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Final

from keyplan.net.faults import FaultKind

_ERRNOS: Final[Mapping[int, FaultKind]] = {
    errno.ECONNREFUSED: FaultKind.REFUSED,
    errno.ECONNRESET: FaultKind.RESET,
    errno.ENETUNREACH: FaultKind.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: FaultKind.HOST_UNREACHABLE,
    errno.ETIMEDOUT: FaultKind.CONNECT_TIMEOUT,
}
# postgresql.org, src/interfaces/libpq: fe-connect.c, fe-secure-common.c; psycopg 3.3: _conninfo_attempts.py.
_WORDS: Final[Mapping[str, FaultKind]] = {
    "failed to resolve host": FaultKind.DNS_FAILURE,
    "could not translate host name": FaultKind.DNS_FAILURE,
    "does not match host name": FaultKind.CERTIFICATE_WRONG_HOST,
    "certificate verify failed": FaultKind.CERTIFICATE_UNTRUSTED,
    "timeout expired": FaultKind.CONNECT_TIMEOUT,
    "server closed the connection unexpectedly": FaultKind.CLOSED,
}
_TRUST: Final = "name the authority's certificate with sslrootcert in the URL, or with PGSSLROOTCERT"
_ADVICE: Final[Mapping[FaultKind, str]] = {
    FaultKind.CERTIFICATE_UNTRUSTED: f"{_TRUST}; or renew the server's certificate",
    FaultKind.CERTIFICATE_WRONG_HOST: "name the host in the URL that the server's certificate is for",
}


def find_kind(text: str) -> FaultKind | None:
    """Return what an error without a code is about; None if it is not known."""
    # Of several addresses of one host, the last that was tried is named last.
    found = {text.rfind(words): kind for words, kind in _WORDS.items()}
    found |= {text.rfind(os.strerror(number)): kind for number, kind in _ERRNOS.items()}
    place = max(found)
    return found[place] if place >= 0 else None


def advise(kind: FaultKind, usual: str) -> str:
    """Return what to do; libpq reads other variables for certificates than HTTP clients do."""
    return _ADVICE.get(kind, usual)
