"""The SDK behind the ledger: what is missing or wrong is told before, or at, the first request."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from ledgers.s3.buckets import Bucket
from sinks.serving import free_port

from keyplan.errors import InputError, LedgerError
from keyplan.ledgers.s3 import build, build_reader
from keyplan.ledgers.s3.client import connect
from keyplan.ledgers.s3.failures import S3UnavailableError
from keyplan.ledgers.s3.options import S3Options
from keyplan.testing.samples import ACCOUNT, make_context, make_ledger_settings

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]


@pytest.mark.parametrize("build_one", [build, build_reader])
def test_a_missing_sdk_is_told_with_what_to_install(build_one: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(InputError) as caught:
        build_one(make_ledger_settings({"bucket": "acme"}, ledger_type="s3"), make_context(), account=ACCOUNT)
    assert caught.value.advice == "pip install 'keyplan[s3]'"


@pytest.mark.parametrize(
    ("options", "environment", "message"),
    [
        pytest.param({}, {"AWS_PROFILE": "nobody"}, "can't be set up: ProfileNotFound", id="profile"),
        pytest.param({"endpoint_url": "http://minio.test"}, {}, "is plain http", id="plain http"),
        pytest.param({"endpoint_url": "https://a:s3cret@minio.test"}, {}, "must hold no user name", id="a credential"),
    ],
)
def test_what_can_t_be_used_is_refused_before_anything_is_sent(
    options: dict[str, Any], environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=message) as caught:
        connect(S3Options.read({"bucket": "acme", "region": "eu-west-1", **options}))
    assert "s3cret" not in caught.value.message


def test_no_credentials_is_told(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(LedgerError, match="no usable AWS credentials") as caught:
        connect(S3Options.read(bucket.options())).get("any")
    assert caught.value.advice == "log in to AWS"


def test_a_name_that_the_sdk_refuses_is_told(bucket: Bucket) -> None:
    bucket.name = "a b"
    with pytest.raises(LedgerError, match="the AWS SDK refuses the request"):
        bucket.client().get("any")


def test_a_store_that_is_not_there_is_told(aws_environment: None) -> None:
    options = {"bucket": "acme", "region": "eu-west-1", "endpoint_url": f"http://127.0.0.1:{free_port()}"}
    with pytest.raises(S3UnavailableError, match=r"s3://acme/any: 127\.0\.0\.1:[0-9]+: connection refused"):
        connect(S3Options.read(options)).get("any")


def test_a_store_that_does_not_say_the_time_is_refused(bucket: Bucket) -> None:
    bucket.proxy.dropped_from_answers = ("date",)
    with pytest.raises(LedgerError, match="does not say what time it is"):
        bucket.client().create("any", b"{}")


def test_another_refusal_comes_with_its_code_and_advice(bucket: Bucket) -> None:
    bucket.proxy.fail("skewed", times=1)
    with pytest.raises(LedgerError, match="S3 refused s3:GetObject with RequestTimeTooSkewed") as caught:
        bucket.client().get("any")
    assert caught.value.advice == "set this machine's clock"


def test_the_kms_key_is_asked_for(bucket: Bucket) -> None:
    assert bucket.client(kms_key_id="alias/keyplan").create("any", b"{}")
    headers = bucket.proxy.requests[-1].headers
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/keyplan"


def test_a_listing_of_several_pages_is_complete(bucket: Bucket) -> None:
    client = bucket.client()
    names = [f"x/{number}" for number in range(5)]
    for name in names:
        client.create(name, b"{}")
    original = client._client.list_objects_v2

    class TwoByTwo:
        def __getattr__(self, name: str) -> Any:
            return getattr(client_of_tests, name)

        def list_objects_v2(self, **arguments: Any) -> Any:
            return original(**{"MaxKeys": 2, **arguments})

    client_of_tests = client._client
    client._client = TwoByTwo()
    assert [item.key for item in client.list("x/")] == names
    assert client.first_key("x/") == "x/0"
    assert client.first_key("y/") is None
