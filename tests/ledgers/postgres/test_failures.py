"""What libpq says, read as a fault of the network; over real sockets where no database is needed."""

from __future__ import annotations

import socket
import ssl

import pytest
from net.fault_servers import Authority, dead_port, greet, serve

from keyplan.errors import LedgerError
from keyplan.ledgers.postgres.database import LedgerDatabase
from keyplan.ledgers.postgres.failures import find_kind
from keyplan.net.faults import FaultKind
from keyplan.testing.samples import make_context

pytestmark = pytest.mark.enable_socket
PASSWORD = "canary-5f2e"


def fail(host: str, port: int, query: str = "sslmode=disable") -> LedgerError:
    """Return the error of a ledger at a database's port."""
    url = f"postgresql://keyplan:{PASSWORD}@{host}:{port}/ledger?{query}"
    database = LedgerDatabase({}, make_context(environment={"KEYPLAN_LEDGER_DSN": url}))
    with pytest.raises(LedgerError) as caught:
        database.read(lambda transaction: transaction.select("SELECT 1"))
    error = caught.value
    assert error.advice
    assert "\n" not in error.message
    assert PASSWORD not in f"{error.message}{error.advice}"
    return error


def test_a_dead_port_is_refused() -> None:
    with dead_port() as port:
        error = fail("127.0.0.1", port)
    assert error.message == f"the ledger in 127.0.0.1:{port}/ledger: connection refused"


def test_a_name_that_does_not_resolve_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    error = fail("database.test", 5432)
    assert error.message == "the ledger in database.test:5432/ledger: the host name cannot be resolved"


def test_a_server_that_ends_the_connection_is_told() -> None:
    with serve(greet(b"")) as port:
        error = fail("127.0.0.1", port)
    assert error.message == f"the ledger in 127.0.0.1:{port}/ledger: the connection ended without a whole answer"


def test_a_certificate_of_an_unknown_authority_names_what_libpq_reads(tmp_path_factory: pytest.TempPathFactory) -> None:
    bundle = tmp_path_factory.mktemp("ca") / "ca.pem"
    Authority().ca.cert_pem.write_to_path(str(bundle))
    stranger = Authority().serve_as("127.0.0.1")

    def shake(connection: socket.socket) -> None:
        # SSLRequest, and S for yes (postgresql.org, "SSL Session Encryption").
        connection.recv(8)
        connection.sendall(b"S")
        with pytest.raises((ssl.SSLError, OSError)):
            stranger.wrap_socket(connection, server_side=True)

    with serve(shake) as port:
        error = fail("127.0.0.1", port, f"sslmode=verify-full&sslrootcert={bundle}")
    assert error.message.startswith(f"the ledger in 127.0.0.1:{port}/ledger: the certificate is not trusted")
    assert "sslrootcert" in error.advice


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("connection failed: ... failed: Connection refused\n\tIs the server running", FaultKind.REFUSED),
        ("connection is bad: Network is unreachable", FaultKind.NETWORK_UNREACHABLE),
        ('server certificate for "a" does not match host name "b"', FaultKind.CERTIFICATE_WRONG_HOST),
        ("connection timeout expired", FaultKind.CONNECT_TIMEOUT),
        ("- host a: Connection refused\n- host b: timeout expired", FaultKind.CONNECT_TIMEOUT),
        ("the server has not answered for 15 s", None),
        ("", None),
    ],
)  # fmt: skip
def test_the_words_of_libpq_are_known(text: str, kind: FaultKind | None) -> None:
    assert find_kind(text) is kind
