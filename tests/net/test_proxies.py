"""The one reader of proxy variables, row by row, beside the real curl, and against unusual input."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from net.proxy_cases import CASES, ONE, ProxyCase

from keyplan.errors import InputError
from keyplan.net.proxies import find_proxy, find_route, is_loopback, require_socks

SECRET = "p4ssw0rd"
WEB = "https://api.example.com/"
CURL = shutil.which("curl")
NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


def fill(text: str, one: str = "one.test:3128", other: str = "other.test:3128") -> str:
    return text.replace("{one}", one).replace("{other}", other)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.reason)
def test_each_rule_holds(case: ProxyCase) -> None:
    environment = {name: fill(value) for name, value in case.environment.items()}
    assert find_proxy(case.url, environment) == (case.expected and fill(case.expected))


@pytest.fixture(scope="module")
def listeners() -> Iterator[dict[str, socket.socket]]:
    """Two proxies and the server itself: which of them curl connects to is all that counts."""
    opened = {name: socket.create_server(("127.0.0.1", 0)) for name in ("one", "other", "server")}
    yield opened
    for listener in opened.values():
        listener.close()


def read_curl_version() -> tuple[int, ...]:
    if CURL is None:
        return ()
    said = subprocess.run([CURL, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"curl (\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else ()


CURL_VERSION = read_curl_version()


@pytest.mark.enable_socket
@pytest.mark.skipif(CURL_VERSION < (7, 86), reason="needs curl 7.86 or newer, which knows networks in NO_PROXY")
@pytest.mark.parametrize("case", [case for case in CASES if case.is_as_curl], ids=lambda case: case.reason)
def test_curl_does_the_same(case: ProxyCase, listeners: dict[str, socket.socket]) -> None:
    at = {name: f"127.0.0.1:{listener.getsockname()[1]}" for name, listener in listeners.items()}
    given_to_curl = {name: fill(value, at["one"], at["other"]) for name, value in case.environment.items()}
    environment = {name: value for name, value in os.environ.items() if name not in NAMES} | given_to_curl
    # Whatever curl would connect to directly is the listener on this machine.
    arguments = ["--silent", "--disable", "--globoff", "--max-time", "5", "--connect-to", f"::{at['server']}"]
    curl = subprocess.Popen([CURL or "curl", *arguments, case.url], env=environment, stdout=subprocess.DEVNULL)
    try:
        reached = find_reached(listeners)
    finally:
        curl.kill()
        curl.wait()
    expected = {None: "server", ONE: "one"}.get(case.expected, "other")
    assert reached == expected


def find_reached(listeners: dict[str, socket.socket]) -> str:
    with selectors.DefaultSelector() as selector:
        for name, listener in listeners.items():
            selector.register(listener, selectors.EVENT_READ, name)
        ready = selector.select(timeout=10)
    assert ready, "curl connected to nothing"
    key = ready[0][0]
    connection, _ = listeners[key.data].accept()
    connection.close()
    return str(key.data)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("http://proxy.test:3128", "http://proxy.test:3128", id="as it is"),
        pytest.param("http://proxy.test:3128/", "http://proxy.test:3128", id="trailing slash"),
        pytest.param("  http://proxy.test:3128 ", "http://proxy.test:3128", id="blanks around"),
        pytest.param("proxy.test:3128", "http://proxy.test:3128", id="no scheme"),
        pytest.param("me:word@proxy.test:3128", "http://me:word@proxy.test:3128", id="no scheme, but a password"),
        pytest.param("proxy.test", "http://proxy.test:80", id="no port"),
        pytest.param("https://proxy.test", "https://proxy.test:443", id="no port of https"),
        pytest.param("HTTP://Proxy.Test:3128", "http://proxy.test:3128", id="capitals"),
        pytest.param("http://[fd01::1]:3128", "http://[fd01::1]:3128", id="IPv6"),
        pytest.param("http://me@proxy.test:3128", "http://me@proxy.test:3128", id="user without a password"),
        pytest.param("http://me:@proxy.test:3128", "http://me:@proxy.test:3128", id="empty password"),
        pytest.param("http://me:a%40b%3A@proxy.test:1", "http://me:a%40b%3A@proxy.test:1", id="encoded password"),
        pytest.param("http://me:a@b@proxy.test:1", "http://me:a%40b@proxy.test:1", id="password with an @"),
        pytest.param("http://me:a%b@proxy.test:1", "http://me:a%25b@proxy.test:1", id="password with a %"),
        pytest.param("socks5://proxy.test", "socks5h://proxy.test:1080", id="the SOCKS proxy resolves names"),
        pytest.param("socks5h://proxy.test:9", "socks5h://proxy.test:9", id="SOCKS that resolves names"),
    ],
)
def test_a_proxy_url_is_written_in_one_form(value: str, expected: str) -> None:
    assert find_proxy(WEB, {"HTTPS_PROXY": value}) == expected


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    ("value", "why"),
    [
        pytest.param(f"gopher://me:{SECRET}@proxy.test", "a scheme that keyplan does not know", id="another scheme"),
        pytest.param(f"socks4://me:{SECRET}@proxy.test", "a scheme that keyplan does not know", id="SOCKS 4"),
        pytest.param(f"http://me:{SECRET}@proxy.test:port", "cannot be used", id="no port number"),
        pytest.param(f"http://me:{SECRET}@proxy.test:99999", "cannot be used", id="port beyond the last"),
        pytest.param(f"http://me:{SECRET}@", "cannot be used", id="no host"),
        pytest.param(f"http://me:{SECRET}@pro xy.test", "cannot be used", id="blank in the host"),
        pytest.param(f"http://me:{SECRET}@[fd01::1:3128", "cannot be used", id="open bracket"),
        pytest.param("http://", "cannot be used", id="nothing but a scheme"),
        pytest.param("://", "a scheme that keyplan does not know", id="no scheme at all"),
    ],
)
def test_a_wrong_proxy_is_refused_by_the_name_of_its_variable_without_being_quoted(
    variable: str, value: str, why: str
) -> None:
    with pytest.raises(InputError, match=f"in {variable} .*{why}|in {variable} has {why}") as caught:
        find_proxy(WEB, {variable: value})
    assert SECRET not in f"{caught.value}{caught.value.advice}"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_wrong_variable_that_does_not_count_is_no_error() -> None:
    wrong = {"HTTPS_PROXY": "gopher://x"}
    assert find_proxy("http://api.example.com", wrong) is None
    assert find_proxy(WEB, {**wrong, "NO_PROXY": "example.com"}) is None
    assert find_proxy(WEB, {**wrong, "https_proxy": "one.test"}) == "http://one.test:80"


def test_a_route_says_for_messages_what_names_it_and_never_the_password() -> None:
    route = find_route(WEB, {"ALL_PROXY": f"http://me:{SECRET}@proxy.test:3128"})
    assert route is not None
    assert (route.variable, route.where) == ("ALL_PROXY", "http://proxy.test:3128")
    assert SECRET not in repr(route)


def test_a_socks_proxy_without_its_package_says_what_to_install() -> None:
    route = find_route(WEB, {"ALL_PROXY": f"socks5://me:{SECRET}@proxy.test"})
    assert route is not None
    with pytest.raises(InputError, match="ALL_PROXY names a SOCKS proxy, and 'no_such_module'") as caught:
        require_socks(route, "no_such_module")
    assert caught.value.advice == "pip install 'keyplan[socks]'"


def test_another_proxy_needs_no_package() -> None:
    route = find_route(WEB, {"ALL_PROXY": "http://proxy.test"})
    assert route is not None
    require_socks(route, "no_such_module")


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://example.com/", "https://", "https://[::1", "https://a:b/"])
def test_what_no_client_can_send_to_has_no_proxy(url: str) -> None:
    assert find_proxy(url, {"ALL_PROXY": "http://proxy.test"}) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1"])
def test_this_machine_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "::2", "localhost.evil.test", "evil.localhost", "127.1", "::ffff:10.0.0.1", "::", ""]
)
def test_everything_else_is_another_machine(host: str) -> None:
    assert not is_loopback(host)


# properties

SEPARATORS = st.lists(st.sampled_from([" ", ",", "\t", ", ", " , "]), min_size=1, max_size=3).map("".join)
LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
HOSTS = st.lists(LABELS, min_size=2, max_size=4).map(".".join).filter(lambda host: not host.endswith("localhost"))
ROUTE = {"ALL_PROXY": "http://proxy.test:3128"}


@given(text=st.text(), value=st.text(), url=st.text())
def test_no_text_makes_the_reader_fail_but_with_its_own_error(text: str, value: str, url: str) -> None:
    for each in (url, f"https://{url}", WEB):
        with suppress(InputError):
            find_proxy(each, {"HTTPS_PROXY": value, "NO_PROXY": text})


@given(text=st.text())
def test_nothing_in_no_proxy_is_an_error(text: str) -> None:
    find_proxy(WEB, {**ROUTE, "NO_PROXY": text})


@given(host=HOSTS, others=st.lists(HOSTS, max_size=4), separator=SEPARATORS)
def test_a_listed_host_is_exempt_wherever_it_stands_in_the_list(host: str, others: list[str], separator: str) -> None:
    listed = separator.join([*others, host, *others])
    assert find_proxy(f"https://{host}/", {**ROUTE, "NO_PROXY": listed}) is None
    assert find_proxy(f"https://below.{host}/", {**ROUTE, "NO_PROXY": listed}) is None


@given(host=HOSTS, listed=st.lists(HOSTS, max_size=4))
def test_a_host_that_is_not_listed_is_proxied(host: str, listed: list[str]) -> None:
    fits = any(f".{host}".endswith(f".{each}") for each in listed)
    assert (find_proxy(f"https://{host}/", {**ROUTE, "NO_PROXY": ",".join(listed)}) is None) == fits


@given(address=st.ip_addresses(), bits=st.integers(0, 128), other=st.ip_addresses())
def test_a_network_means_exactly_its_addresses(address: object, bits: int, other: object) -> None:
    network = ip_network(f"{address}/{min(bits, 32 if ':' not in str(address) else 128)}", strict=False)
    for each in (address, other):
        host = f"[{each}]" if ":" in str(each) else str(each)
        proxy = find_proxy(f"https://{host}/", {**ROUTE, "NO_PROXY": str(network)})
        if is_far(str(each)):
            assert (proxy is None) == (each in network)


def is_far(address: str) -> bool:
    """Whether a network alone could exempt an address, which is not one of IPv4 in another form."""
    (read,) = ip_network(address)
    return not (read.is_loopback or read.is_link_local or read.is_unspecified or "::ffff" in address)


@given(environment=st.dictionaries(st.sampled_from([*NAMES, "REQUEST_METHOD"]), st.text(max_size=20)))
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.0.3", "[::1]", "[::ffff:127.0.0.1]", "LocalHost."])
def test_no_environment_sends_loopback_to_a_proxy(host: str, environment: dict[str, str]) -> None:
    assert find_proxy(f"http://{host}:8080/", environment) is None
    assert find_proxy(f"https://{host}/", environment) is None
