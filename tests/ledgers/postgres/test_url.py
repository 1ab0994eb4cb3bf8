"""The URL of a database: what may be shown of it, and that nothing else ever is."""

from __future__ import annotations

import re
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.errors import InputError
from keyplan.ledgers.postgres.url import PUBLIC_URL_PATTERN, parse_url

SECRET = "pw-canary-77"
PARTS = {
    "plain": ("postgresql://db/keys", "postgresql://db/keys", "", {}),
    "short scheme": ("postgres://db/keys", "postgresql://db/keys", "", {}),
    "user": ("postgresql://kp@db:5433/keys", "postgresql://kp@db:5433/keys", "", {}),
    "password": (f"postgresql://kp:{SECRET}@db/keys", "postgresql://kp@db/keys", "", {"password": SECRET}),
    "encoded password": ("postgresql://kp:a%40b%2Fc+d@db/keys", "postgresql://kp@db/keys", "", {"password": "a@b/c+d"}),
    "password with colons": ("postgresql://kp:a:b@db/keys", "postgresql://kp@db/keys", "", {"password": "a:b"}),
    "password with @": ("postgresql://kp:a@b@db/keys", "postgresql://kp@db/keys", "", {"password": "a@b"}),
    "empty password": ("postgresql://kp:@db/keys", "postgresql://kp@db/keys", "", {}),
    "password without user": ("postgresql://:x@db/keys", "postgresql://db/keys", "", {"password": "x"}),
    "password as a parameter": (
        f"postgresql://db/keys?password={SECRET}&sslmode=require",
        "postgresql://db/keys?sslmode=require",
        "",
        {"password": SECRET},
    ),
    "encoded name of a parameter": (
        f"postgresql://db/keys?%70assword={SECRET}",
        "postgresql://db/keys",
        "",
        {"password": SECRET},
    ),
    "two passwords": (
        f"postgresql://kp:other@db/keys?password={SECRET}",
        "postgresql://kp@db/keys",
        "",
        {"password": SECRET},
    ),
    "key of a certificate": (
        f"postgresql://db/keys?sslpassword={SECRET}",
        "postgresql://db/keys",
        "",
        {"sslpassword": SECRET},
    ),
    "schema": ("postgresql://db/keys?schema=kp_1&sslmode=require", "postgresql://db/keys?sslmode=require", "kp_1", {}),
    "several hosts": ("postgresql://a:1,b:2/keys", "postgresql://a:1,b:2/keys", "", {}),
    "address of version 6": ("postgresql://[::1]:5432/keys", "postgresql://[::1]:5432/keys", "", {}),
    "folder of sockets": ("postgresql:///keys?host=/run/pg", "postgresql:///keys?host=/run/pg", "", {}),
    "nothing": ("postgresql://", "postgresql://", "", {}),
}


@pytest.mark.parametrize(("url", "public", "schema", "secrets"), PARTS.values(), ids=PARTS.keys())
def test_a_url_is_taken_apart(url: str, public: str, schema: str, secrets: dict[str, str]) -> None:
    parsed = parse_url(url, named="the URL")
    assert (parsed.public, parsed.schema, dict(parsed.secrets)) == (public, schema, secrets)
    assert re.search(PUBLIC_URL_PATTERN, parsed.public)
    assert SECRET not in repr(parsed)
    # What may be shown is read as itself: `read_url` hands it on.
    assert parse_url(public, named="the URL").public == public


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mysql://db/keys",
        "host=db password=x",
        f"postgresql://kp:{SECRET}/x@db/keys",
        f"postgresql://kp:{SECRET}#x@db/keys",
        f"postgresql://kp:{SECRET}?x@db/keys",
        f"postgresql://kp:{SECRET}",
        f"postgresql://db:5432:{SECRET}/keys",
        f"postgresql://kp:{SECRET}@db/keys?schema=Big",
        f"postgresql://kp:{SECRET}@db/keys?schema=pg_mine",
        f"postgresql://kp:{SECRET}@db/keys?schema=a;b",
    ],
)
def test_what_is_no_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_url(url, named="the URL")
    assert SECRET not in "".join(traceback.format_exception(refused.value)) + refused.value.advice


@given(st.text(alphabet="abc:@/?#[]&=%,+ ", max_size=30))
def test_no_secret_is_left_in_what_may_be_shown(text: str) -> None:
    """Whatever is written, either it is refused, or the password is in `secrets` alone."""
    try:
        parsed = parse_url(f"postgresql://kp:{SECRET}{text}", named="the URL")
    except InputError:
        return
    assert SECRET not in parsed.public


@pytest.mark.parametrize("url", ["postgresql://kp:x@db/keys", "postgresql://:x@db", "mysql://db"])
def test_the_pattern_of_an_option_keeps_passwords_out_of_a_manifest(url: str) -> None:
    assert not re.search(PUBLIC_URL_PATTERN, url)
