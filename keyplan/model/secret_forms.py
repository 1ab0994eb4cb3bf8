"""The ways in which a secret can stand in a text: its parts, and each part as protocols and programs write it.

A form that is missing here is a leak: a server or a program that repeats a secret chooses how it writes it.
"""

from __future__ import annotations

import json
import re
from binascii import b2a_base64
from collections.abc import Callable, Iterator
from html import escape
from urllib.parse import quote, quote_plus, unquote

LONGEST = 64 * 1024
"""Characters of a secret that are looked at; none is longer (`system.secrets`)."""
_MOST_LINES = 1000
PLAIN = re.compile(r"[A-Za-z0-9._~-]*")
"""What no encoding but base64 changes (RFC 3986 2.3)."""
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:(?P<user>[^/?#]*)@)?(?P<host>[^/?#@]*)(?P<path>[^?#]*)\??(?P<query>.*)",
    re.DOTALL | re.IGNORECASE,
)
_DATABASES = frozenset({"postgres", "postgresql"})
_SECRET_PARAMETER = re.compile(r"password|secret|token", re.IGNORECASE)
_BITS_PER_DIGIT = 6
_TO_URL_SAFE = str.maketrans("+/", "-_")


def find_parts(secret: str) -> Iterator[str]:
    """Yield what of a secret must not be shown: all of it, the lines of a private key, the secret parts of a URL."""
    secret = secret[:LONGEST]
    if found := _URL.fullmatch(secret):
        # Not the whole URL: messages name the host of a webhook, and the host and name of a database.
        yield from _find_url_parts(found)
        return
    yield secret
    if "\n" in secret.strip():
        # Streams and formats take lines apart. "-----BEGIN PRIVATE KEY-----" is not a secret.
        lines = (line.strip() for line in secret.splitlines()[:_MOST_LINES])
        yield from (line for line in lines if not line.startswith("-----"))


def _find_url_parts(url: re.Match[str]) -> Iterator[str]:
    scheme = url["scheme"].lower()
    user, _, password = (url["user"] or "").partition(":")
    values = [password]
    parameters = [parameter.partition("=") for parameter in url["query"].split("&")]
    if scheme in _DATABASES:
        values += [value for name, _, value in parameters if _SECRET_PARAMETER.search(name)]
    else:
        # A token may be the user, if there is no password, or in path or query; for schemes of apprise, it is the host.
        host = () if scheme in {"http", "https"} else (url["host"],)
        segments = url["path"].split("/")
        values += [
            "" if password else user,
            *host,
            url["path"].strip("/"),
            *segments,
            *(value for _, _, value in parameters),
        ]
    for value in values:
        yield value
        yield unquote(value)


def list_forms(part: str) -> list[str]:
    """Return a part as each encoding writes it, each form once; base64 in all three alignments."""
    forms = [part, *_list_base64(part.encode("utf-8", "surrogatepass"))]
    if not PLAIN.fullmatch(part):
        forms += [change(part) for change in _CHANGES]
    return list(dict.fromkeys(forms))


def _list_base64(data: bytes) -> Iterator[str]:
    """Yield what base64 makes of data inside of other data, without the digits that depend on its neighbours."""
    for before in range(3):
        digits = b2a_base64(bytes(before) + data, newline=False).decode("ascii")
        first = -(-before * 8 // _BITS_PER_DIGIT)
        standard = digits[first : (before + len(data)) * 8 // _BITS_PER_DIGIT]
        yield standard
        if "+" in standard or "/" in standard:
            yield standard.translate(_TO_URL_SAFE)


def _quote_in_lower_case(text: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), _quote_all(text))


def _quote_all(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def _escape_command(text: str) -> str:
    """Return a text as in the data of a workflow command (actions/toolkit, escapeData)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


_CHANGES: tuple[Callable[[str], str], ...] = (
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: repr(text)[1:-1],
    # In Python's repr the quotes around decide which quote inside is escaped.
    lambda text: repr(f"{text}'\"")[1:-4],
    escape,
    lambda text: escape(text, quote=False),
    lambda text: escape(text, quote=False).replace('"', "&quot;"),
    lambda text: escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
    _quote_all,
    _quote_in_lower_case,
    lambda text: quote(text, errors="surrogatepass"),
    lambda text: quote_plus(text, errors="surrogatepass"),
    _escape_command,
    lambda text: _escape_command(text).replace(":", "%3A").replace(",", "%2C"),
    # What keyplan's own formats make of it: CSV, iCalendar, Markdown (`renderers`).
    lambda text: text.replace('"', '""'),
    lambda text: re.sub(r"([\\;,])", r"\\\1", text),
    lambda text: text.replace("`", r"\x60").replace("|", r"\|"),
)
