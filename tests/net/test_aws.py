"""Which failures of the AWS SDK mean that there are no credentials to use."""

from __future__ import annotations

import pytest

from keyplan.net.aws import lacks_credentials

exceptions = pytest.importorskip("botocore.exceptions")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(exceptions.NoCredentialsError(), True, id="none"),
        pytest.param(exceptions.PartialCredentialsError(provider="env", cred_var="x"), True, id="half of them"),
        pytest.param(exceptions.UnauthorizedSSOTokenError(), True, id="a session that ended"),
        pytest.param(exceptions.EndpointConnectionError(endpoint_url="https://s3.test"), False, id="no connection"),
        pytest.param(exceptions.ParamValidationError(report="x"), False, id="a request that makes no sense"),
    ],
)
def test_only_missing_credentials_are_missing_credentials(error: Exception, expected: bool) -> None:
    assert lacks_credentials(error, exceptions) is expected
