"""TLS to a cluster: its own authorities, and a client certificate where the kubeconfig has one.

In: PEM texts. Out: an HTTP client that nothing was sent with. Never: a private key that stays in a file.
"""

from __future__ import annotations

import os
import ssl
import tempfile

import httpx

from keyplan.errors import InputError
from keyplan.net.http import open_client
from keyplan.sinks.kubernetes.config import Connection
from keyplan.sinks.kubernetes.identity import Certificate


def open_http(connection: Connection, certificate: Certificate | None) -> httpx.Client:
    """Return a client for one cluster. Raises InputError where a certificate or key can't be used."""
    try:
        context = (
            ssl.create_default_context(cadata=connection.authority)
            if connection.authority
            else httpx.create_ssl_context()
        )
        if certificate:
            _load(context, certificate)
    except (ssl.SSLError, ValueError):
        # From None: nothing of a private key shall show.
        raise InputError(
            "a certificate or key of the kubeconfig can't be used", advice="'kubectl get secrets' would fail as well"
        ) from None
    return open_client(tls=context)


def _load(context: ssl.SSLContext, certificate: Certificate) -> None:
    # OpenSSL's Python face reads certificates from files only; this one has no name, or a name for a moment (0600).
    with tempfile.NamedTemporaryFile() as file:
        os.write(file.fileno(), f"{certificate.chain}\n{certificate.key.reveal()}\n".encode())
        context.load_cert_chain(file.name)
