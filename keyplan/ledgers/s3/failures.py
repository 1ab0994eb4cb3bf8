"""What S3 and its SDK answer when a request fails, as errors of the ledger.

No text of an answer gets into a message: S3 quotes the id of a wrong access key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keyplan.errors import LedgerError
from keyplan.net.aws import lacks_credentials
from keyplan.net.causes import find_fault

CONDITION_REFUSED = frozenset({"412", "ConditionalRequestConflict", "OperationAborted", "PreconditionFailed"})
"""Codes of a write whose condition did not hold, or that met another one (API reference of S3, PutObject)."""
ABSENT = frozenset({"404", "NoSuchKey"})
_RIGHTS = {
    "delete_object": "s3:DeleteObject",
    "get_object": "s3:GetObject",
    "list_objects_v2": "s3:ListBucket",
    "put_object": "s3:PutObject",
}
_DENIALS = frozenset({"403", "AccessDenied", "AllAccessDisabled"})
_PASSING = frozenset(
    {
        "InternalError",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "TooManyRequestsException",
    }
)
_ADVICE: Mapping[str, str] = {
    "ExpiredToken": "log in to AWS again",
    "InvalidAccessKeyId": "check that the AWS credentials are right",
    "InvalidBucketName": "correct 'bucket'",
    "KMS.DisabledException": "enable the KMS key, or name another as kms_key_id",
    "KMS.NotFoundException": "check that kms_key_id names a key of the bucket's region",
    "NoSuchBucket": "create the bucket, or correct 'bucket', 'region' or 'endpoint_url'",
    "NotImplemented": "use a store that supports If-None-Match and If-Match of PutObject",
    "PermanentRedirect": "set 'region' to the bucket's region",
    "RequestTimeTooSkewed": "set this machine's clock",
    "SignatureDoesNotMatch": "check that the AWS credentials are right",
}
_SERVER_ERROR = 500
_SETTING = "region and endpoint_url of the ledger"


class S3UnavailableError(LedgerError):
    """The store gave no usable answer, also not to repeated requests. A write may have happened."""


def code_of(error: Any) -> str:
    """Return the code of a refusal such as ``NoSuchKey``."""
    return str(error.response.get("Error", {}).get("Code", ""))


def translate_refusal(error: Any, operation: str, place: str) -> LedgerError:
    """Return the error that says what S3 refused, and what to do."""
    code = code_of(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    right = _RIGHTS[operation]
    if code in _DENIALS:
        needs = f"{right} and s3:ListBucket (without it, S3 denies what does not exist)"
        return LedgerError(
            f"{place}: S3 denies {right}",
            advice=f"allow keyplan {needs if operation == 'get_object' else right} there, and the bucket's KMS key",
        )
    if code in _PASSING or status >= _SERVER_ERROR:
        return S3UnavailableError(f"{place}: S3 answered {code or status} to {right}", advice="apply again later")
    usual = f"check bucket, {_SETTING}"
    return LedgerError(f"{place}: S3 refused {right} with {code or status}", advice=_ADVICE.get(code, usual))


def translate_failure(error: Any, errors: Any, place: str, url: str) -> LedgerError:
    """Return the error for a request that the SDK could not send, or that got no answer.

    `errors` is the module `botocore.exceptions`, `url` that of the store.
    """
    kind = type(error).__name__
    if lacks_credentials(error, errors):
        return LedgerError(f"{place}: there are no usable AWS credentials ({kind})", advice="log in to AWS")
    if isinstance(error, errors.ParamValidationError):
        return LedgerError(f"{place}: the AWS SDK refuses the request ({kind})", advice="check bucket and prefix")
    fault = find_fault(error, url)
    return S3UnavailableError(f"{place}: {fault.reason}", advice=fault.advise(_SETTING))
