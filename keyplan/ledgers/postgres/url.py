"""Takes the URL of a PostgreSQL database apart into what may be shown and what is secret.

No message may quote a URL before its secrets are taken out of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from keyplan.errors import InputError

SCHEMA_PATTERN: Final = "^(?!pg_)[a-z_][a-z0-9_]{0,62}$"
"""What a schema may be called: a name that needs no quotes (postgresql.org, "Identifiers and Key Words")."""
_HOST: Final = r"(\[[^\]\[@/?#]*\]|[^\]\[:,@/?#]*)(:[0-9]*)?"
# A port is a number: in `postgresql://USER:PASSWORD` without a host, the password would be taken for one, and shown.
_AFTER_USER: Final = f"{_HOST}(,{_HOST})*(/[^@?#]*)?([?][^@#]*)?"
PUBLIC_URL_PATTERN: Final = f"^postgres(ql)?://([^:@/?#]*@)?{_AFTER_USER}$"
"""A URL whose user has no password."""
_SECRETS: Final = frozenset({"oauth_client_secret", "password", "sslpassword"})
"""Parameters of a connection that are secret (postgresql.org, "Parameter Key Words")."""
_URL: Final = re.compile(
    f"postgres(ql)?://(?P<user>[^:@/?#]*@|[^:@/?#]*:(?P<password>[^/?#]*)@)?(?P<rest>{_AFTER_USER})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrl:
    """The URL of a database."""

    public: str
    """The URL without what is secret and without `schema`."""
    schema: str
    """The schema that holds keyplan's tables; empty if the URL names none."""
    secrets: Mapping[str, str] = field(repr=False)
    """Parameters that must not be shown, by libpq's name."""


def parse_url(url: str, *, named: str) -> DatabaseUrl:
    """Return a URL in its parts. `named` is what messages call it.

    Raises:
        InputError: It is not the URL of a PostgreSQL database, or names an impossible schema.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise InputError(
            f"{named} is not a URL of PostgreSQL",
            advice="it must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE; in user, password and database write "
            "@ as %40, / as %2F, : as %3A, ? as %3F and # as %23",
        )
    place, _, query = found["rest"].partition("?")
    kept, taken = _split_query(query)
    schema = taken.pop("schema", "")
    if schema and not re.search(SCHEMA_PATTERN, schema):
        raise InputError(
            f"{named} names a schema that keyplan cannot use",
            advice="use lower-case letters, digits and _, such as schema=keyplan",
        )
    if found["password"]:
        # As libpq: a password in the query counts above the one before the host.
        taken.setdefault("password", unquote(found["password"]))
    user = (found["user"] or "").rstrip("@").partition(":")[0]
    return DatabaseUrl(
        public=f"postgresql://{user and f'{user}@'}{place}{kept and f'?{kept}'}", schema=schema, secrets=taken
    )


def _split_query(query: str) -> tuple[str, dict[str, str]]:
    """Return the parameters that may be shown, as they are written, and the others by name."""
    kept, taken = [], {}
    for parameter in query.split("&"):
        name, _, value = parameter.partition("=")
        if unquote(name) in _SECRETS or name == "schema":
            # Not `parse_qsl`: libpq does not take + for a space.
            taken[unquote(name)] = unquote(value)
        elif parameter:
            kept.append(parameter)
    return "&".join(kept), taken
