"""Says which proxy a request goes through: the one reader of proxy variables, for every HTTP client of keyplan.

Loopback must never be proxied, since plain http is for this machine alone. No message may quote a proxy's URL: it may
hold a password. `docs/networks.md` has the rules as a table, beside those of curl, Go and requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, quote, unquote, urlsplit

from keyplan.errors import InputError

_PORTS: Mapping[str, int] = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
"""Of a URL that names none, by its scheme. curl takes 1080 for every proxy; Go and requests take these."""
_MAPPED = IPv6Network("::ffff:0:0/96")
"""IPv4 addresses as IPv6 writes them (RFC 4291, 2.5.5.2)."""
_IPV4_BITS = 32
_BRACKETS = re.compile(r"^\[([^\]]*)\](?=$|/)")
_HOST = re.compile(r"[^\s/\\?#@\x00-\x20\x7f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRoute:
    """The proxy of a request."""

    url: str = field(repr=False)
    """For a client: scheme, user and password (percent-encoded), host and port."""
    where: str
    """For messages: scheme, host and port."""
    variable: str
    """The variable of the environment that names it."""

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS, for which clients need a package of its own."""
        return self.url.startswith("socks")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """Where a request goes."""

    scheme: str
    host: str
    """Lower case, in ASCII, without a trailing dot."""
    port: int
    address: IPv4Address | IPv6Address | None
    """The host if it is an address; an IPv4 address that is written as IPv6 is one of IPv4."""


def find_proxy(url: str, environment: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy for a URL; None if the request goes to its host directly.

    Raises:
        InputError: The variable that names the proxy is wrong; the message names the variable.
    """
    route = find_route(url, environment)
    return None if route is None else route.url


def find_route(url: str, environment: Mapping[str, str]) -> ProxyRoute | None:
    """Return the proxy for a URL, with what messages need; None if the request goes to its host directly.

    Raises:
        InputError: The variable that names the proxy is wrong; the message names the variable.
    """
    target = _read_target(url)
    if target is None or _is_near(target):
        return None
    variable = _find_variable(target.scheme, environment)
    if variable is None or _is_exempt(target, environment):
        return None
    return _read_proxy(environment[variable].strip(), variable)


def require_socks(route: ProxyRoute, module: str) -> None:
    """Raise InputError if a proxy speaks SOCKS and the module that a client needs for that is not installed."""
    if route.is_socks and find_spec(module) is None:
        raise InputError(
            f"{route.variable} names a SOCKS proxy, and '{module}', which that needs, is not installed",
            advice="pip install 'keyplan[socks]'",
        )


def is_loopback(host: str) -> bool:
    """Whether a host can only be this machine, so that plain http stays on it."""
    address = _read_address(host)
    return host == "localhost" if address is None else address.is_loopback


def find_own_urls(url: str) -> tuple[str, ...]:
    """Return the URLs that stand for a plain http URL of `localhost`, to be tried in turn; none for all other URLs.

    A name server could say anything about `localhost`, and the request would leave this machine. curl connects to these
    two addresses as well.
    """
    target = _read_target(url)
    if target is None or (target.scheme, target.host) != ("http", "localhost"):
        return ()
    parts = urlsplit(url)
    return tuple(parts._replace(netloc=f"{address}:{target.port}").geturl() for address in ("127.0.0.1", "[::1]"))


def _read_target(url: str) -> _Target | None:
    """Return where a URL leads; None if that is nowhere, or not over HTTP."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        # Not ours to complain about: no client can send to such a URL.
        return None
    if not host or parts.scheme not in {"http", "https"}:
        return None
    return _Target(
        scheme=parts.scheme, host=_to_name(host), port=port or _PORTS[parts.scheme], address=_read_address(host)
    )


def _is_near(target: _Target) -> bool:
    """Whether only this machine and its own link can be meant.

    Through a proxy, a link-local address such as that of a cloud's metadata service would be the proxy's own.
    """
    if target.address is None:
        return target.host == "localhost"
    return target.address.is_loopback or target.address.is_link_local or target.address.is_unspecified


def _find_variable(scheme: str, environment: Mapping[str, str]) -> str | None:
    """Return the variable that counts for a scheme; None if none is set. An empty one is none, as for curl."""
    names = [f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"]
    if "REQUEST_METHOD" in environment:
        # In a CGI program, a client sets HTTP_PROXY with the header `Proxy` (https://httpoxy.org).
        names = [name for name in names if name != "HTTP_PROXY"]
    return next((name for name in names if environment.get(name, "").strip()), None)


def _is_exempt(target: _Target, environment: Mapping[str, str]) -> bool:
    return _is_listed(environment.get("no_proxy", "").strip() or environment.get("NO_PROXY", ""), target)


@lru_cache(maxsize=256)
def _is_listed(listed: str, target: _Target) -> bool:
    """Whether an entry of a list means a target. Cached: a list of fifty takes 0.7 ms, and each request asks."""
    return any(_fits(entry, target) for entry in _split(listed))


def _split(listed: str) -> Iterator[str]:
    return (entry for entry in re.split(r"[\s,]+", listed.lower()) if entry)


def _fits(entry: str, target: _Target) -> bool:
    """Whether an entry of NO_PROXY means a target. One that cannot be understood means none: curl and Go do so, too."""
    if entry == "*":
        return True
    scheme, separator, rest = entry.partition("://")
    if separator:
        # Not curl's; httpx reads it so, and keyplan's users may have it from there.
        return scheme == target.scheme and _fits(rest.rstrip("/"), target)
    is_member = _is_member(entry, target)
    if is_member is not None:
        return is_member
    host, _, port = entry.rpartition(":") if re.search(r":[0-9]+$", entry) else (entry, "", "")
    if port and int(port) != target.port:
        return False
    is_member = _is_member(host, target)
    return _is_below(host, target) if is_member is None else is_member


def _is_member(entry: str, target: _Target) -> bool | None:
    """Whether the target is in a network, or is an address, that an entry names; None if the entry names neither."""
    try:
        network = ip_network(_BRACKETS.sub(r"\1", entry).partition("%")[0], strict=False)
    except ValueError:
        return None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        start = network.network_address.ipv4_mapped
        network = ip_network(f"{start}/{network.prefixlen - _MAPPED.prefixlen}")
    return target.address is not None and target.address.version == network.version and target.address in network


def _is_below(entry: str, target: _Target) -> bool:
    """Whether the target is a domain, or stands below it, that an entry names with or without ``.`` or ``*.``."""
    domain = _to_name(entry.removeprefix("*").removeprefix(".") if entry.startswith(("*.", ".")) else entry)
    return target.address is None and bool(domain) and f".{target.host}".endswith(f".{domain}")


def _read_address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _to_name(host: str) -> str:
    name = host.lower().removesuffix(".")
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name


def _read_proxy(value: str, variable: str) -> ProxyRoute:
    scheme, separator, rest = value.partition("://")
    scheme, rest = (scheme.lower(), rest) if separator else ("http", value)
    if scheme not in _PORTS:
        raise InputError(
            f"the proxy URL in {variable} has a scheme that keyplan does not know",
            advice=f"write {variable} as http://HOST:PORT, https://HOST:PORT or socks5h://HOST:PORT",
        )
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        host, port = parts.hostname or "", parts.port or _PORTS[scheme]
    except ValueError:
        host, port = "", 0
    if not _HOST.fullmatch(host):
        # The value is not quoted: it may hold a password.
        raise InputError(
            f"the proxy URL in {variable} cannot be used: it names no host, or an impossible port",
            advice=f"write {variable} as http://HOST:PORT; in user and password, write @ as %40, : as %3A and / as %2F",
        )
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    # Names are resolved by the SOCKS proxy for every client: httpx has no other way, and a network that needs a proxy
    # often resolves no foreign names itself.
    scheme = "socks5h" if scheme == "socks5" else scheme
    return ProxyRoute(url=f"{scheme}://{_write_user(parts)}{place}", where=f"{scheme}://{place}", variable=variable)


def _write_user(parts: SplitResult) -> str:
    """Return user and password as part of a URL; libraries differ in what they take without encoding."""
    if parts.username is None:
        return ""
    user = quote(unquote(parts.username), safe="")
    return f"{user}@" if parts.password is None else f"{user}:{quote(unquote(parts.password), safe='')}@"
