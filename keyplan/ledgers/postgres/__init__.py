"""The ledger `postgres`: intents, receipts, spent plans, locks and history of many manifests in one database.

Loading this package must not import psycopg, which only some users install: `keyplan validate` needs only the
options. No option ever holds a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from keyplan.ledgers.postgres.url import PUBLIC_URL_PATTERN, SCHEMA_PATTERN, parse_url
from keyplan.system.optional import importing
from keyplan.system.secrets import SECRET_SCHEMA

if TYPE_CHECKING:
    from keyplan.context import PluginContext
    from keyplan.model.manifest import Json, LedgerSettings
    from keyplan.ports import Ledger, LedgerReader

SCHEMES: Final = ("postgresql", "postgres")
"""Of the URLs that `read_url` reads."""
URL_VARIABLE: Final = "KEYPLAN_LEDGER"
OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "Keeps the ledgers of many manifests in one PostgreSQL database.",
    "properties": {
        "dsn": {
            **SECRET_SCHEMA,
            "default": {"env": "KEYPLAN_LEDGER_DSN"},
            "description": "Where the database's URL stands: postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
        },
        "url": {
            "type": "string",
            "pattern": PUBLIC_URL_PATTERN,
            "errorMessage": "must be postgresql://USER@HOST:PORT/DATABASE; a URL with a password belongs into 'dsn'",
            "description": "The database's URL, if no password is needed or libpq finds it elsewhere, as in ~/.pgpass.",
            "examples": ["postgresql://keyplan@db.example.com:5432/keyplan"],
            "x-access": "url",
        },
        "schema": {
            "type": "string",
            "pattern": SCHEMA_PATTERN,
            "errorMessage": "must be a lower-case name such as keyplan, and not begin with pg_",
            "default": "keyplan",
            "description": "The database schema that holds keyplan's tables.",
            "x-access": "place",
        },
    },
    "additionalProperties": False,
}


def read_url(url: str) -> Mapping[str, Json]:
    """Return the options that a URL of `--ledger` or KEYPLAN_LEDGER means. None of them is secret.

    The password is left where it is: in KEYPLAN_LEDGER. Raises InputError if the URL cannot be used.
    """
    parsed = parse_url(url, named="the ledger's URL")
    return {
        "url": parsed.public,
        **({"schema": parsed.schema} if parsed.schema else {}),
        **({"dsn": {"env": URL_VARIABLE}} if parsed.secrets else {}),
    }


def build_reader(settings: LedgerSettings, context: PluginContext, *, account: str) -> LedgerReader:
    """Return a reader of the ledger, whose tables need not exist; `account` is the provider's base URL.

    Raises InputError if psycopg is not installed. The database is asked nothing yet.
    """
    with importing("postgres"):
        from keyplan.ledgers.postgres.ledger import open_reader  # noqa: PLC0415 - an extra

    return open_reader(settings, context, account=account)


def build(settings: LedgerSettings, context: PluginContext, *, account: str) -> Ledger:
    """Return the ledger; the first write creates its tables. The context's clock measures the wait for a lock.

    Raises InputError if psycopg is not installed. The database is asked nothing yet.
    """
    with importing("postgres"):
        from keyplan.ledgers.postgres.ledger import open_ledger  # noqa: PLC0415 - an extra

    return open_ledger(settings, context, account=account)
