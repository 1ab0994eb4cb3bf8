"""Says which certificate authorities are trusted, and makes the TLS contexts of every client of keyplan.

A context must always check the certificate and the host's name. `docs/networks.md` has the order of the variables.
"""

from __future__ import annotations

import re
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import certifi

from keyplan.errors import InputError

_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_FOLDER = "SSL_CERT_DIR"
TRUST_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Which every client reads, after what is its own (`ca_file`, AWS_CA_BUNDLE, ARIZE_SSL_CA_CERT); the first wins."""
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""Names of certificates in a folder that OpenSSL searches (openssl-rehash(1))."""
_SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # BSD
)
"""Where a Python that was built elsewhere finds what its own OpenSSL does not know (crypto/x509 of Go)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaBundle:
    """Certificates of authorities that take the place of the system's."""

    name: str
    """What names it, for messages: ``SSL_CERT_FILE``."""
    file: str = ""
    folder: str = ""
    """As OpenSSL reads it: each certificate in a file that is named after its hash."""


def find_ca_bundle(
    environment: Mapping[str, str], *, ca_file: str = "", named: str = "ca_file", variable: str = ""
) -> CaBundle | None:
    """Return the bundle of the narrowest setting; None if the system's authorities are trusted.

    `ca_file` is an option of the user's, called `named` in messages; `variable` is the client's own variable, such as
    AWS_CA_BUNDLE. An empty variable is none. The bundle is not opened here.
    """
    if ca_file:
        return CaBundle(name=named, file=ca_file)
    if variable and environment.get(variable):
        return _of_path(variable, environment[variable])
    if environment.get("SSL_CERT_FILE") or environment.get(_FOLDER):
        name = "SSL_CERT_FILE" if environment.get("SSL_CERT_FILE") else _FOLDER
        return CaBundle(name=name, file=environment.get("SSL_CERT_FILE", ""), folder=environment.get(_FOLDER, ""))
    name = next((name for name in _FILES if environment.get(name)), "")
    return _of_path(name, environment[name]) if name else None


def make_tls_context(
    *,
    environment: Mapping[str, str],
    ca_file: str = "",
    named: str = "ca_file",
    variable: str = "",
    ca_data: str = "",
) -> ssl.SSLContext:
    """Return a context for clients, which trusts what `find_ca_bundle` says, or the certificates in `ca_data` (PEM).

    Raises:
        InputError: A bundle is missing, unreadable or empty; the message names the setting.
        ssl.SSLError, ValueError: `ca_data` holds no certificate.
    """
    if ca_data:
        context = _make_context()
        context.load_verify_locations(cadata=ca_data)
        return context
    bundle = find_ca_bundle(environment, ca_file=ca_file, named=named, variable=variable)
    if bundle is None:
        return _make_system_context()
    context = _make_context()
    _load(context, bundle)
    return context


def make_plain_context() -> ssl.SSLContext:
    """Return a context that trusts no certificate, for a client that speaks plain http: it costs no time."""
    return _make_context()


def _make_context() -> ssl.SSLContext:
    # Not ssl.create_default_context(): since Python 3.13 that sets VERIFY_X509_STRICT, which refuses the many private
    # authorities whose certificates have no key identifiers, and it writes session keys to SSLKEYLOGFILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _relax(context)


def _relax(context: ssl.SSLContext) -> ssl.SSLContext:
    """Set the flags that are the same in all versions of Python."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # As curl and Python 3.13 do: an intermediate authority that the user trusts is enough.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _make_system_context() -> ssl.SSLContext:
    if sys.platform == "darwin":
        # macOS keeps its authorities in no readable file, so its own functions have to be asked.
        from truststore import SSLContext  # noqa: PLC0415 - not installed elsewhere

        return _relax(SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    context = _make_context()
    # Not set_default_verify_paths(): it would read SSL_CERT_FILE itself, from the process's own environment.
    paths = ssl.get_default_verify_paths()
    file = next((path for path in (paths.openssl_cafile, *_SYSTEM_FILES) if Path(path).is_file()), "")
    if _has_hashed(paths.openssl_capath):
        # Read when a server's certificate asks for it: a file of all authorities takes 20 ms.
        context.load_verify_locations(capath=paths.openssl_capath)
    else:
        # A machine without a store, such as a bare container, trusts Mozilla's list.
        context.load_verify_locations(cafile=file or certifi.where())
    return context


def _of_path(name: str, path: str) -> CaBundle:
    return CaBundle(name=name, folder=path) if Path(path).is_dir() else CaBundle(name=name, file=path)


def _load(context: ssl.SSLContext, bundle: CaBundle) -> None:
    advice = f"check {bundle.name}"
    if bundle.folder and not _has_hashed(bundle.folder):
        raise InputError(
            f"{bundle.name}: the certificate bundle cannot be read: '{bundle.folder}' is not a folder of certificates",
            advice=f"{advice}: OpenSSL needs the names that 'openssl rehash' gives",
        )
    try:
        context.load_verify_locations(cafile=bundle.file or None, capath=bundle.folder or None)
    except OSError as error:  # ssl.SSLError is one
        is_empty = isinstance(error, ssl.SSLError) or not error.strerror
        reason = "it holds no certificate" if is_empty else error.strerror
        raise InputError(
            f"{bundle.name}: the certificate bundle cannot be read: {reason} ('{bundle.file}')", advice=advice
        ) from error
    if bundle.file and not bundle.folder and not context.cert_store_stats()["x509"]:
        raise InputError(
            f"{bundle.name}: the certificate bundle cannot be read: it holds no certificate ('{bundle.file}')",
            advice=advice,
        )


def _has_hashed(folder: str) -> bool:
    try:
        return any(_HASHED.fullmatch(path.name) for path in Path(folder).iterdir())
    except OSError:
        return False
