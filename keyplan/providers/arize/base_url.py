"""Finds the API's address: from the manifest's options, else from the variables that Arize's own SDK reads.

Two settings that contradict each other are an error; this module must never choose between them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from keyplan.errors import InputError
from keyplan.model.manifest import Json
from keyplan.net.http import check_base_url
from keyplan.providers.arize.options import REGION_PATTERN
from keyplan.providers.arize.profile import read_routes

DEFAULT_HOST = "api.arize.com"
_VARIABLES = frozenset(
    (
        *("ARIZE_REGION", "ARIZE_SINGLE_HOST", "ARIZE_SINGLE_PORT", "ARIZE_BASE_DOMAIN"),
        *("ARIZE_API_HOST", "ARIZE_API_PORT", "ARIZE_API_SCHEME"),
    )
)
_PORT_PATTERN = "[0-9]{1,5}"
_ALIASES = {"us": DEFAULT_HOST, "eu": "api.eu-west-1a.arize.com", "ca": "api.ca-central-1a.arize.com"}
"""Hosts by the short names that the `ax` command line knows (docs/arize-api.md, A3)."""


def find_base_url(options: Mapping[str, Json], environment: Mapping[str, str]) -> str:
    """Return the base URL, without trailing slash.

    `base_url` or `region` of the manifest win over the environment: ARIZE_SINGLE_HOST, ARIZE_SINGLE_PORT,
    ARIZE_BASE_DOMAIN and ARIZE_REGION exclude each other, and win over ARIZE_API_HOST and ARIZE_API_PORT. A `profile`
    says it if none of these variables is set.

    Raises:
        InputError: Two of these exclude each other, or the result cannot be used.
    """
    base_url, region = str(options.get("base_url") or ""), str(options.get("region") or "")
    profile = str(options.get("profile") or "")
    if sum(map(bool, (base_url, region, profile))) > 1:
        raise InputError("provider: base_url, region and profile exclude each other", advice="keep one of them")
    if base_url:
        return check_base_url(base_url)
    if region:
        return check_base_url(f"https://{region_host(region, named='provider.region')}")
    # The SDK takes an empty variable for one that is not set.
    given = {name: value for name, value in environment.items() if value}
    if profile and not _VARIABLES & given.keys():
        given = dict(read_routes(profile, environment))
    return _read_environment(given)


def region_host(region: str, *, named: str) -> str:
    """Return the host of a region; `named` is the setting that the message names.

    Raises:
        InputError: It does not have the form of a region.
    """
    if host := _ALIASES.get(region.lower()):
        return host
    # The region becomes part of a host name: unchecked, `evil.test/` would send the credential to another host.
    if not re.fullmatch(REGION_PATTERN, region):
        raise InputError(f"{named} '{region}' is not a region", advice="a region looks like eu-west-1a; or US, EU, CA")
    return f"api.{region}.arize.com"


def _read_environment(environment: Mapping[str, str]) -> str:
    _refuse_several_overrides(environment)
    scheme = environment.get("ARIZE_API_SCHEME", "https")
    if scheme not in {"http", "https"}:
        raise InputError("ARIZE_API_SCHEME must be http or https")
    host, port = _host(environment), _port(environment)
    if not port:
        return check_base_url(f"{scheme}://{host}")
    if re.search(r":[0-9]+$", host):
        raise InputError(f"the host '{host}' already names a port, and so does the environment", advice="name it once")
    return check_base_url(f"{scheme}://{host}:{port}")


def _refuse_several_overrides(environment: Mapping[str, str]) -> None:
    groups = (("ARIZE_REGION",), ("ARIZE_SINGLE_HOST", "ARIZE_SINGLE_PORT"), ("ARIZE_BASE_DOMAIN",))
    used = [name for group in groups for name in group if name in environment]
    # The SDK refuses this too, with its MultipleEndpointOverridesError (docs/arize-api.md, A4).
    if sum(any(name in environment for name in group) for group in groups) > 1:
        raise InputError(f"{', '.join(used)} exclude each other", advice="unset all but one of them")


def _host(environment: Mapping[str, str]) -> str:
    if "ARIZE_REGION" in environment:
        return region_host(environment["ARIZE_REGION"], named="ARIZE_REGION")
    if "ARIZE_BASE_DOMAIN" in environment:
        return f"api.{_read_host('ARIZE_BASE_DOMAIN', environment)}"
    name = next((name for name in ("ARIZE_SINGLE_HOST", "ARIZE_API_HOST") if name in environment), "")
    return _read_host(name, environment) if name else DEFAULT_HOST


def _read_host(name: str, environment: Mapping[str, str]) -> str:
    # Of a URL, the scheme would become the host: the message would say that "http" cannot be resolved.
    if "/" in environment[name]:
        raise InputError(
            f"{name} must be host[:port], not a URL",
            advice=f"set {name}={DEFAULT_HOST}, for example; ARIZE_API_SCHEME sets http for a server on this machine",
        )
    return environment[name]


def _port(environment: Mapping[str, str]) -> str:
    """Return the port to add to the host; empty if there is none, which the SDK also writes as 0."""
    for name in ("ARIZE_SINGLE_PORT", "ARIZE_API_PORT"):
        port = environment.get(name, "0")
        if not re.fullmatch(_PORT_PATTERN, port):
            raise InputError(f"{name} must be a port number")
        if int(port):
            return port
    return ""
