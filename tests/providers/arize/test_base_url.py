"""Where the API is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from keyplan.errors import InputError
from keyplan.providers.arize.base_url import find_base_url


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        pytest.param({}, {}, "https://api.arize.com", id="default"),
        pytest.param({"region": "eu-west-1a"}, {}, "https://api.eu-west-1a.arize.com", id="region of the manifest"),
        pytest.param({"base_url": "https://x.test/"}, {}, "https://x.test", id="base_url of the manifest"),
        pytest.param({}, {"ARIZE_REGION": "us-east-1b"}, "https://api.us-east-1b.arize.com", id="region"),
        pytest.param({}, {"ARIZE_REGION": "US"}, "https://api.arize.com", id="alias of the default host"),
        pytest.param({}, {"ARIZE_REGION": "eu"}, "https://api.eu-west-1a.arize.com", id="alias in lower case"),
        pytest.param({"region": "CA"}, {}, "https://api.ca-central-1a.arize.com", id="alias in the manifest"),
        pytest.param({}, {"ARIZE_BASE_DOMAIN": "corp.test"}, "https://api.corp.test", id="base domain"),
        pytest.param({}, {"ARIZE_SINGLE_HOST": "arize.test"}, "https://arize.test", id="single host"),
        pytest.param(
            {},
            {"ARIZE_SINGLE_HOST": "arize.test", "ARIZE_SINGLE_PORT": "8443"},
            "https://arize.test:8443",
            id="and port",
        ),
        pytest.param(
            {},
            {"ARIZE_API_HOST": "127.0.0.1", "ARIZE_API_PORT": "81", "ARIZE_API_SCHEME": "http"},
            "http://127.0.0.1:81",
            id="host, port and scheme",
        ),
        pytest.param(
            {}, {"ARIZE_API_HOST": "127.0.0.1:81", "ARIZE_API_SCHEME": "http"}, "http://127.0.0.1:81", id="port in host"
        ),
        pytest.param(
            {}, {"ARIZE_API_HOST": "arize.test", "ARIZE_API_PORT": "0"}, "https://arize.test", id="port 0: none"
        ),
        pytest.param({}, {"ARIZE_API_HOST": "", "ARIZE_REGION": ""}, "https://api.arize.com", id="empty is unset"),
        pytest.param(
            {},
            {"ARIZE_REGION": "us-east-1b", "ARIZE_API_HOST": "x.test"},
            "https://api.us-east-1b.arize.com",
            id="an override wins over the host",
        ),
        pytest.param(
            {"base_url": "https://x.test"},
            {"ARIZE_REGION": "us-east-1b", "ARIZE_SINGLE_HOST": "y.test"},
            "https://x.test",
            id="the manifest wins over the environment, even a contradictory one",
        ),
        pytest.param(
            {"region": "eu-west-1a"},
            {"ARIZE_API_SCHEME": "http"},
            "https://api.eu-west-1a.arize.com",
            id="a region of the manifest is never plain http",
        ),
    ],
)
def test_the_base_url_is_found(options: Mapping[str, str], environment: Mapping[str, str], expected: str) -> None:
    assert find_base_url(options, environment) == expected


@pytest.mark.parametrize(
    ("options", "environment", "why"),
    [
        pytest.param({"base_url": "https://x.test", "region": "eu-west-1a"}, {}, "exclude each other", id="both given"),
        pytest.param({"region": "evil.test/"}, {}, "is not a region", id="a region is no host"),
        pytest.param({"region": "eu-west-1a\n"}, {}, "is not a region", id="final newline"),
        pytest.param({}, {"ARIZE_REGION": "AU"}, "ARIZE_REGION 'AU' is not a region", id="region of the environment"),
        pytest.param(
            {},
            {"ARIZE_REGION": "eu-west-1a", "ARIZE_SINGLE_PORT": "1"},
            "ARIZE_REGION, ARIZE_SINGLE_PORT exclude each other",
            id="two overrides",
        ),
        pytest.param(
            {}, {"ARIZE_BASE_DOMAIN": "a.test", "ARIZE_SINGLE_HOST": "b"}, "exclude each other", id="another two"
        ),
        pytest.param({}, {"ARIZE_API_SCHEME": "ftp"}, "must be http or https", id="scheme"),
        pytest.param({}, {"ARIZE_API_PORT": "https"}, "ARIZE_API_PORT must be a port number", id="port is no number"),
        pytest.param({}, {"ARIZE_API_PORT": "99999"}, "names no port", id="port beyond the last"),
        pytest.param({}, {"ARIZE_API_HOST": "a.test:1", "ARIZE_API_PORT": "2"}, "already names a port", id="two ports"),
        pytest.param({}, {"ARIZE_API_SCHEME": "http"}, "plain http", id="plain http to the world"),
        pytest.param({"base_url": "http://x.test"}, {}, "plain http", id="plain http by the manifest"),
    ],
)
def test_a_contradiction_or_mistake_is_refused(
    options: Mapping[str, str], environment: Mapping[str, str], why: str
) -> None:
    with pytest.raises(InputError, match=why):
        find_base_url(options, environment)
