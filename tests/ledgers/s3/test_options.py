"""What a URL and a manifest say of the bucket."""

from __future__ import annotations

from typing import Any

import pytest

from keyplan.errors import InputError
from keyplan.ledgers.s3 import read_url
from keyplan.ledgers.s3.options import S3Options


@pytest.mark.parametrize(
    ("url", "options"),
    [
        pytest.param("s3://acme", {"bucket": "acme"}, id="a bucket"),
        pytest.param("s3://acme/", {"bucket": "acme"}, id="with a slash"),
        pytest.param("s3://acme/prod", {"bucket": "acme", "prefix": "prod/"}, id="a prefix"),
        pytest.param("s3://acme/prod/keys/", {"bucket": "acme", "prefix": "prod/keys/"}, id="folders"),
        pytest.param("s3://acme/my%20keys", {"bucket": "acme", "prefix": "my keys/"}, id="escaped"),
        pytest.param(
            "s3://acme/prod?region=eu-west-1&endpoint_url=https%3A%2F%2Fminio.test%3A9000&kms_key_id=alias/k",
            {
                "bucket": "acme",
                "prefix": "prod/",
                "region": "eu-west-1",
                "endpoint_url": "https://minio.test:9000",
                "kms_key_id": "alias/k",
            },
            id="everything",
        ),
    ],
)
def test_a_url_means_these_options(url: str, options: dict[str, Any]) -> None:
    assert read_url(url) == options


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("s3://acme?regoin=x", "'regoin' is unknown in an s3:// URL; did you mean 'region'?", id="slip"),
        pytest.param("s3://acme?zzz=x", "'zzz' is unknown in an s3:// URL; known are 'endpoint_url'", id="unknown"),
        pytest.param("s3://acme?region=a&region=b", "'region' must be given once", id="twice"),
        pytest.param("s3://acme?region=", "'region' must be given once in an s3:// URL, with a value", id="empty"),
        pytest.param("s3:///prod", "must be s3://BUCKET/PREFIX", id="no bucket"),
        pytest.param("s3://acme:9000/prod", "must be s3://BUCKET/PREFIX", id="a port"),
        pytest.param("s3://acme/prod#x", "must be s3://BUCKET/PREFIX", id="a fragment"),
        pytest.param("s3://AKIAEXAMPLE:s3cret@acme/", "holds no credentials", id="a credential"),
    ],
)
def test_any_other_url_is_refused_and_quotes_no_credential(url: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_url(url)
    assert message in caught.value.message
    assert "s3cret" not in f"{caught.value.message} {caught.value.advice}"


@pytest.mark.parametrize(
    ("options", "address"),
    [
        pytest.param({}, "s3://acme/keyplan/", id="the default prefix"),
        pytest.param({"prefix": ""}, "s3://acme/", id="no prefix"),
        pytest.param({"prefix": "/prod"}, "s3://acme/prod/", id="slashes are put right"),
        pytest.param(
            {"endpoint_url": "https://minio.test"}, "s3://acme/keyplan/ at https://minio.test", id="an endpoint"
        ),
    ],
)
def test_users_know_the_place_by_its_address(options: dict[str, Any], address: str) -> None:
    assert S3Options.read({"bucket": "acme", **options}).address == address
