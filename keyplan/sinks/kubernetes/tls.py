"""TLS to a cluster: its own authorities, and a client certificate if the kubeconfig has one.

No private key stays in a file.
"""

from __future__ import annotations

import os
import ssl
import tempfile

import httpx

from keyplan.errors import InputError
from keyplan.net.http import open_client
from keyplan.net.trust import make_tls_context
from keyplan.sinks.kubernetes.config import Connection
from keyplan.sinks.kubernetes.identity import Certificate


def open_http(connection: Connection, certificate: Certificate | None) -> httpx.Client:
    """Return a client for one cluster. Raises InputError if a certificate or key can't be used."""
    try:
        context = make_tls_context(environment=connection.environment, ca_data=connection.authority)
        if certificate:
            _load(context, certificate)
    except (ssl.SSLError, ValueError):
        # From None: nothing of a private key shall show.
        raise InputError(
            "a certificate or key of the kubeconfig can't be used", advice="'kubectl get secrets' would fail as well"
        ) from None
    return open_client(environment=connection.environment, base_url=connection.server, tls=context)


def _load(context: ssl.SSLContext, certificate: Certificate) -> None:
    # Python's ssl module loads certificates from files only; this one (0600) is removed right after.
    with tempfile.NamedTemporaryFile() as file:
        # Written unbuffered: the file must be complete when OpenSSL opens it by its name.
        for part in (f"{certificate.chain}\n".encode(), str.encode(certificate.key.reveal()), b"\n"):
            os.write(file.fileno(), part)
        context.load_cert_chain(file.name)
