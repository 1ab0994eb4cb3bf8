"""The rules of docs/networks.md as a table: an environment, a URL, and which proxy the request goes through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ONE, OTHER = "http://{one}", "http://{other}"
"""Stand for two proxies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyCase:
    """One row."""

    reason: str
    url: str
    environment: Mapping[str, str]
    expected: str | None
    """ONE, OTHER or None."""
    is_as_curl: bool = True
    """Whether curl does the same; docs/networks.md says where it does not."""


def exempt(
    listed: str, url: str, *, is_exempt: bool, as_curl: bool = True, variable: str = "NO_PROXY", reason: str = ""
) -> ProxyCase:
    return ProxyCase(
        reason=reason or f"{listed} {'means' if is_exempt else 'does not mean'} {url}",
        url=url,
        environment={"https_proxy": ONE, "http_proxy": ONE, variable: listed},
        expected=None if is_exempt else ONE,
        is_as_curl=as_curl,
    )


def chosen(reason: str, url: str, expected: str | None, *, as_curl: bool = True, **environment: str) -> ProxyCase:
    return ProxyCase(reason=reason, url=url, environment=environment, expected=expected, is_as_curl=as_curl)


WEB, PLAIN = "https://api.example.com/x", "http://api.example.com/x"

CASES = (
    chosen("no variable, no proxy", WEB, None),
    chosen("https by HTTPS_PROXY", WEB, ONE, HTTPS_PROXY=ONE),
    chosen("https by https_proxy", WEB, ONE, https_proxy=ONE),
    chosen("lower case counts above upper case", WEB, ONE, https_proxy=ONE, HTTPS_PROXY=OTHER),
    chosen("an empty lower-case variable is none", WEB, OTHER, https_proxy="", HTTPS_PROXY=OTHER),
    chosen("an empty variable is none, so ALL_PROXY counts", WEB, OTHER, HTTPS_PROXY="", ALL_PROXY=OTHER),
    chosen("an empty variable alone is no proxy", WEB, None, HTTPS_PROXY=""),
    chosen("ALL_PROXY where no other is", WEB, ONE, ALL_PROXY=ONE),
    chosen("all_proxy above ALL_PROXY", WEB, ONE, all_proxy=ONE, ALL_PROXY=OTHER),
    chosen("HTTPS_PROXY above all_proxy", WEB, ONE, HTTPS_PROXY=ONE, all_proxy=OTHER),
    chosen("HTTP_PROXY is not for https", WEB, None, http_proxy=ONE),
    chosen("HTTPS_PROXY is not for plain http", PLAIN, None, https_proxy=ONE),
    chosen("plain http by http_proxy", PLAIN, ONE, http_proxy=ONE),
    chosen("plain http by HTTP_PROXY", PLAIN, ONE, HTTP_PROXY=ONE, as_curl=False),
    chosen("a CGI program does not read HTTP_PROXY", PLAIN, None, HTTP_PROXY=ONE, REQUEST_METHOD="GET"),
    chosen("a CGI program reads http_proxy", PLAIN, ONE, http_proxy=ONE, REQUEST_METHOD="GET"),
    chosen("a proxy without a scheme", WEB, ONE, HTTPS_PROXY="{one}"),
    chosen("no_proxy above NO_PROXY", WEB, ONE, HTTPS_PROXY=ONE, no_proxy="other.test", NO_PROXY="example.com"),
    chosen("an empty no_proxy is none", WEB, None, HTTPS_PROXY=ONE, no_proxy="", NO_PROXY="example.com"),
    # hosts
    exempt("api.example.com", WEB, is_exempt=True),
    exempt("example.com", WEB, is_exempt=True),
    exempt(".example.com", WEB, is_exempt=True),
    exempt(".example.com", "https://example.com/", is_exempt=True),
    exempt("*.example.com", WEB, is_exempt=True, as_curl=False),
    exempt("*.example.com", "https://example.com/", is_exempt=True, as_curl=False),
    exempt("ample.com", WEB, is_exempt=False),
    exempt("example.com", "https://notexample.com/", is_exempt=False),
    exempt("www.example.com", "https://example.com/", is_exempt=False),
    exempt("EXAMPLE.com", "https://API.example.COM/", is_exempt=True),
    exempt("example.com.", WEB, is_exempt=True),
    exempt("example.com", "https://api.example.com./", is_exempt=True),
    exempt("*", WEB, is_exempt=True),
    exempt("other.test,*", WEB, is_exempt=True, as_curl=False),
    exempt("a*.example.com", WEB, is_exempt=False),
    exempt("http://example.com", PLAIN, is_exempt=True, as_curl=False),
    exempt("http://example.com", WEB, is_exempt=False),
    exempt("\u00fcber.example", "https://api.xn--ber-goa.example/", is_exempt=True, as_curl=False),
    exempt("xn--ber-goa.example", "https://\u00fcber.example/", is_exempt=True, as_curl=False),
    # separators
    exempt("a.test,example.com", WEB, is_exempt=True),
    exempt("a.test, example.com", WEB, is_exempt=True),
    exempt("a.test ,,  example.com ,", WEB, is_exempt=True),
    # Space alone: curl takes it up to 7.88, and takes what follows for nothing since then.
    exempt("a.test example.com", WEB, is_exempt=True, as_curl=False),
    exempt(" \t,example.com", WEB, is_exempt=True, as_curl=False),
    exempt(" , ", WEB, is_exempt=False),
    # ports
    exempt("api.example.com:443", WEB, is_exempt=True, as_curl=False),
    exempt("example.com:8443", "https://api.example.com:8443/", is_exempt=True, as_curl=False),
    exempt("api.example.com:8443", WEB, is_exempt=False),
    exempt(".example.com:80", PLAIN, is_exempt=True, as_curl=False),
    # IPv4
    exempt("10.1.2.3", "https://10.1.2.3/", is_exempt=True),
    exempt("10.1.2.3:8443", "https://10.1.2.3:8443/", is_exempt=True, as_curl=False),
    exempt("10.1.2.3:8443", "https://10.1.2.3/", is_exempt=False),
    exempt("10.0.0.0/8", "https://10.1.2.3/", is_exempt=True),
    exempt("10.9.9.9/8", "https://10.1.2.3/", is_exempt=True, reason="a network with bits of a host in it"),
    exempt("10.0.0.0/8", "https://11.1.2.3/", is_exempt=False),
    exempt("10.0.0.0/33", "https://10.1.2.3/", is_exempt=False),
    exempt("10.1.2", "https://10.1.2.3/", is_exempt=False),
    exempt("2.3", "https://10.1.2.3/", is_exempt=False, reason="the end of an address is not a suffix"),
    exempt("0.0.0.0/0", "https://api.example.com/", is_exempt=False, reason="a name is not resolved for a network"),
    exempt("172.16.0.0/12,fd01::/48", "https://172.31.0.1/", is_exempt=True),
    # IPv6: curl 7.88 has networks of it in its manual, and compares such hosts as text all the same
    exempt("fd01::/48", WEB, is_exempt=False),
    exempt("fd01::/48", "https://[fd01::5]/", is_exempt=True, as_curl=False),
    exempt("fd01::/48", "https://[fd02::5]/", is_exempt=False),
    exempt("fd01::5", "https://[fd01::5]/", is_exempt=True),
    exempt("FD01:0::5", "https://[fd01::5]/", is_exempt=True, as_curl=False),
    exempt("[fd01::5]", "https://[fd01::5]/", is_exempt=True, as_curl=False),
    exempt("[fd01::5]:8080", "https://[fd01::5]:8080/", is_exempt=True, as_curl=False),
    exempt("[fd01::5]:8080", "https://[fd01::5]/", is_exempt=False),
    exempt("[fd01::]/48", "https://[fd01::5]/", is_exempt=True, as_curl=False),
    exempt("10.0.0.0/8", "https://[::ffff:10.1.2.3]/", is_exempt=True, as_curl=False),
    exempt("::ffff:10.0.0.0/104", "https://10.1.2.3/", is_exempt=True, as_curl=False),
    exempt("fd01::5%eth0", "https://[fd01::5]/", is_exempt=True, as_curl=False),
    # near: curl has no such rule, Go has it for loopback
    chosen("127.0.0.1 is never proxied", "http://127.0.0.1:8080/", None, http_proxy=ONE, as_curl=False),
    chosen("all of 127/8 is never proxied", "https://127.9.9.9/", None, https_proxy=ONE, as_curl=False),
    chosen("::1 is never proxied", "http://[::1]:8080/", None, http_proxy=ONE, as_curl=False),
    chosen("localhost is never proxied", "http://localhost:8080/", None, http_proxy=ONE, as_curl=False),
    chosen("LOCALHOST. is never proxied", "http://LOCALHOST.:8080/", None, http_proxy=ONE, as_curl=False),
    chosen("loopback as IPv6 is never proxied", "http://[::ffff:127.0.0.1]/", None, http_proxy=ONE, as_curl=False),
    chosen("loopback is not proxied by ALL_PROXY", "https://127.0.0.1/", None, ALL_PROXY=ONE, as_curl=False),
    chosen("a metadata service is on this link", "http://169.254.169.254/", None, http_proxy=ONE, as_curl=False),
    chosen("a link-local address", "http://[fe80::1%25eth0]/", None, http_proxy=ONE, as_curl=False),
    chosen("a name that begins like loopback", "https://localhost.example.com/", ONE, https_proxy=ONE),
    chosen("another network is proxied", "https://128.0.0.1/", ONE, https_proxy=ONE),
)
