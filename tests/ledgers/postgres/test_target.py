"""Which database the options of a ledger lead to, and how keyplan connects to it."""

from __future__ import annotations

import traceback
from collections.abc import Mapping

import pytest

from keyplan.errors import InputError
from keyplan.ledgers.postgres import URL_VARIABLE, read_url
from keyplan.ledgers.postgres.target import Target, find_target
from keyplan.model.manifest import Json
from keyplan.testing.samples import make_context

SECRET = "pw-canary-77"
URL = f"postgresql://kp:{SECRET}@db.example.com:5433/keys?schema=ours"
PUBLIC = "postgresql://kp@db.example.com:5433/keys"


def _find(options: Mapping[str, Json], **environment: str) -> Target:
    return find_target(options, make_context(environment=environment))


def test_a_dsn_is_found_where_the_manifest_says() -> None:
    """By default in KEYPLAN_LEDGER_DSN."""
    default = _find({}, KEYPLAN_LEDGER_DSN=URL)
    assert default == _find({"dsn": {"env": "OTHER"}}, OTHER=URL)
    assert (default.where, default.schema) == ("db.example.com:5433/keys", "ours")
    assert default.parameters["password"] == SECRET
    assert SECRET not in repr(default)


def test_the_option_schema_counts_above_that_of_the_url() -> None:
    """The manifest is what was reviewed."""
    assert _find({"schema": "theirs"}, KEYPLAN_LEDGER_DSN=URL).schema == "theirs"
    assert _find({}, KEYPLAN_LEDGER_DSN="postgresql://localhost/keys").schema == "keyplan"


def test_a_url_without_a_password_needs_no_secret() -> None:
    """Libpq finds the password in ~/.pgpass, or none is needed."""
    found = _find({"url": PUBLIC})
    assert found.where == "db.example.com:5433/keys"
    assert "password" not in found.parameters


def test_a_password_in_the_url_of_the_environment_stays_there() -> None:
    """What `--ledger` is given, and KEYPLAN_LEDGER means, is shown in plans and errors."""
    options = read_url(URL)
    assert options == {"url": PUBLIC, "schema": "ours", "dsn": {"env": URL_VARIABLE}}
    assert _find(options, KEYPLAN_LEDGER=URL).parameters["password"] == SECRET
    assert read_url(PUBLIC) == {"url": PUBLIC}


@pytest.mark.parametrize("environment", [{}, {"KEYPLAN_LEDGER": "postgresql://kp:x@elsewhere/keys"}])
def test_a_password_on_the_command_line_is_refused(environment: dict[str, str]) -> None:
    """Every user of the machine can read the arguments of a process."""
    with pytest.raises(InputError) as refused:
        _find(read_url(URL), **environment)
    assert SECRET not in "".join(traceback.format_exception(refused.value)) + refused.value.advice


def test_a_password_in_the_option_url_is_refused() -> None:
    """The schema of a manifest refuses it first; a program may hand over anything."""
    with pytest.raises(InputError, match="'url' holds a password") as refused:
        _find({"url": URL})
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["postgresql://db/keys?unheard=1", "postgresql://db/keys?sslmode=require&=", "postgresql://%zz/keys"]
)
def test_what_libpq_does_not_take_is_told_in_its_words(url: str) -> None:
    with pytest.raises(InputError, match="the ledger's URL cannot be used: "):
        _find({}, KEYPLAN_LEDGER_DSN=url)


TLS = {
    "another machine": ("postgresql://db.example.com/keys", "require"),
    "an address": ("postgresql://10.0.0.7/keys", "require"),
    "one of several": ("postgresql://localhost,db.example.com/keys", "require"),
    "a choice": ("postgresql://db.example.com/keys?sslmode=verify-full", "verify-full"),
    "a choice against it": ("postgresql://db.example.com/keys?sslmode=disable", "disable"),
    "this machine": ("postgresql://localhost/keys", None),
    "loopback": ("postgresql://127.0.0.1/keys", None),
    "loopback of version 6": ("postgresql://[::1]/keys", None),
    "a folder of sockets": ("postgresql:///keys?host=/run/postgresql", None),
    "no host": ("postgresql:///keys", None),
    "a service": ("postgresql:///?service=keys", None),
}


@pytest.mark.parametrize(("url", "mode"), TLS.values(), ids=TLS.keys())
def test_another_machine_is_reached_by_tls(url: str, mode: str | None) -> None:
    """Libpq's own default goes on in the clear if the server, or an attacker, does not offer TLS."""
    assert _find({}, KEYPLAN_LEDGER_DSN=url).parameters.get("sslmode") == mode


def test_the_variable_of_libpq_chooses_the_mode_of_tls() -> None:
    """It is libpq's to read."""
    assert "sslmode" not in _find({}, KEYPLAN_LEDGER_DSN=URL, PGSSLMODE="verify-full").parameters


def test_a_lost_network_shows_within_seconds() -> None:
    """All of these can be changed by the URL."""
    found = _find({}, KEYPLAN_LEDGER_DSN=f"{URL}&connect_timeout=3")
    assert (found.parameters["connect_timeout"], found.parameters["tcp_user_timeout"]) == ("3", "8000")
    assert found.parameters["application_name"] == "keyplan"


def test_a_password_is_hidden_in_whatever_the_server_says() -> None:
    """A server's message can quote what it was given."""
    assert _find({}, KEYPLAN_LEDGER_DSN=URL).hide(f"no {SECRET} here") == "no (hidden) here"
