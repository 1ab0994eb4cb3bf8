"""Finds out which database a ledger is in, and with which parameters keyplan connects to it.

The parameters hold the password: no message, repr or log may show them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.ledgers.postgres.url import DatabaseUrl, parse_url
from keyplan.model.manifest import Json
from keyplan.system.secrets import read_source

DEFAULT_SCHEMA: Final = "keyplan"
_DEFAULT_DSN: Final = {"env": "KEYPLAN_LEDGER_DSN"}
# A lost network must show within seconds: without these the kernel tries for up to two hours (tcp(7)).
_DEFAULTS: Final = {
    "application_name": "keyplan",
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "8000",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A schema in a database."""

    where: str
    """The database as messages name it: host and database, neither user nor password."""
    schema: str
    parameters: Mapping[str, str] = field(repr=False)
    """For `Connection.connect`, the password among them."""

    def hide(self, text: str) -> str:
        """Return a text in which the password does not stand, whatever the server wrote into it."""
        for name in ("password", "sslpassword"):
            if secret := self.parameters.get(name):
                text = text.replace(secret, "(hidden)")
        return text


def find_target(options: Mapping[str, Json], context: PluginContext) -> Target:
    """Return the database that a ledger's options lead to. Fetches the secret, so it may ask the user.

    Raises:
        InputError: The secret cannot be fetched, is not a URL, or leads elsewhere than the option `url`.
    """
    url = _read(options, context)
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(url.public).items()}
    except ProgrammingError as error:
        # The URL has no secret in it by now, so libpq's own words may be shown.
        raise InputError(f"the ledger's URL cannot be used: {str(error).strip()}") from error
    parameters: dict[str, str] = {**_DEFAULTS, **given, **url.secrets}
    if "sslmode" not in parameters and "PGSSLMODE" not in context.environment and _is_remote(given):
        # libpq's default, `prefer`, goes on without TLS if the server, or an attacker between, does not offer it.
        parameters["sslmode"] = "require"
    return Target(
        where=_describe(given),
        schema=str(options.get("schema") or url.schema or DEFAULT_SCHEMA),
        parameters=parameters,
    )


def _read(options: Mapping[str, Json], context: PluginContext) -> DatabaseUrl:
    public: Any = options.get("url")
    dsn: Any = options.get("dsn")
    if dsn is None and public is not None:
        return _require_public(parse_url(public, named="the ledger's 'url'"))
    parsed = parse_url(context.resolve(read_source(dsn or _DEFAULT_DSN)).reveal(), named="the ledger's dsn")
    if public is not None and parsed.public != parse_url(public, named="the ledger's 'url'").public:
        # `--ledger URL` with a password: every user of the machine can read the arguments of a process.
        raise InputError(
            "the URL of --ledger holds a password, which other users can see among the processes",
            advice="put the URL into the variable KEYPLAN_LEDGER, or leave the password out and let PGPASSFILE name it",
        )
    return parsed


def _require_public(url: DatabaseUrl) -> DatabaseUrl:
    if url.secrets:
        raise InputError("the ledger's 'url' holds a password", advice="let 'dsn' name where the URL stands")
    return url


def _describe(given: Mapping[str, str]) -> str:
    host = given.get("host") or given.get("hostaddr") or "localhost"
    port, database = given.get("port"), given.get("dbname")
    return f"{host}{f':{port}' if port else ''}{f'/{database}' if database else ''}"


def _is_remote(given: Mapping[str, str]) -> bool:
    """Whether a host is neither this machine nor a folder of sockets. No host at all means one of these two."""
    hosts = (given.get("hostaddr") or given.get("host") or "").split(",")
    return "service" not in given and any(host and not _is_local(host) for host in hosts)


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        # A folder of sockets, or an abstract one (postgresql.org, "Parameter Key Words": host).
        return host.startswith(("/", "@")) or host == "localhost"
