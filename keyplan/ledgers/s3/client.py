"""A bucket as the ledger uses it: small objects, read whole, listed, and written only under a condition.

There is no write without a condition here: it could undo what another run wrote. boto3 is imported only when a ledger
is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from keyplan.errors import InputError, LedgerError
from keyplan.ledgers.s3.failures import (
    ABSENT,
    CONDITION_REFUSED,
    S3UnavailableError,
    code_of,
    translate_failure,
    translate_refusal,
)
from keyplan.ledgers.s3.options import S3Options
from keyplan.net.aws import check_answers, hide_session_tokens, refuse_foreign_answers
from keyplan.net.deadline import ExchangeLimits
from keyplan.net.faults import ForeignAnswerError, find_answer_fault
from keyplan.net.http import check_base_url, read_http_date
from keyplan.system.optional import importing, require

WIDEST = 16
"""How many requests run at the same time."""
_CONNECT_SECONDS = 5
# An object has some hundred bytes. What takes longer is repeated, and the lease of a lock must outlive that.
_READ_SECONDS = 10
_ATTEMPTS = 4
_OK = 200
_LIMITS = ExchangeLimits(seconds=_READ_SECONDS)
"""Of each attempt: the SDK repeats what took too long, and all attempts together end within a minute."""
_MOST_PAGES = 1_000
"""Of a listing; S3 gives a thousand objects with each."""
_MISREAD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What code that reads an answer raises if the answer has another shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object as it was read."""

    body: bytes
    etag: str
    """As the store wrote it, quotation marks included."""
    age: timedelta
    """How long ago it was written, by the store's clock; that and the truth differ by less than a second."""
    read_at: datetime
    """When it was read, by the store's clock, to the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A write that the store has confirmed."""

    etag: str
    at: datetime
    """When the store answered, by its clock, to the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedObject:
    """An object as a listing names it."""

    key: str
    etag: str


class S3Client:
    """One bucket. Safe for threads.

    Every method may raise LedgerError; S3UnavailableError if a write may have happened all the same.
    """

    def __init__(self, client: Any, errors: Any, options: S3Options) -> None:
        """Take a boto3 client and the module `botocore.exceptions`, or what behaves like them."""
        self.options = options
        self._client = client
        self._errors = errors
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": options.kms_key_id}
        self._encryption = encryption if options.kms_key_id else {}

    def get(self, key: str) -> StoredObject | None:
        """Return an object; None if there is none."""
        answer = self._ask("get_object", key, ABSENT, Key=key)
        if answer is None:
            return None
        try:
            body = answer["Body"].read()
        except (self._errors.BotoCoreError, OSError) as error:
            raise self._translate(error, key) from None
        url = str(self._client.meta.endpoint_url)
        content_type = str(answer.get("ContentType", ""))
        if fault := find_answer_fault(url, status=_OK, content_type=content_type, location="", body=body):
            raise self._translate(ForeignAnswerError(fault), key)
        read_at = self._read_date(answer, key)
        with self._understood(key):
            return StoredObject(body=body, etag=answer["ETag"], age=read_at - answer["LastModified"], read_at=read_at)

    def create(self, key: str, body: bytes) -> Written | None:
        """Write an object that does not exist; None if the store refuses because it exists."""
        return self._put(key, body, IfNoneMatch="*")

    def replace(self, key: str, body: bytes, *, etag: str) -> Written | None:
        """Write an object in place of the one with that ETag; None if the store refuses because it is another."""
        return self._put(key, body, IfMatch=etag)

    def delete(self, key: str, *, etag: str) -> bool:
        """Delete the object with that ETag; False if the store refuses because it is another, or none."""
        return self._ask("delete_object", key, CONDITION_REFUSED | ABSENT, Key=key, IfMatch=etag) is not None

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """Yield the objects whose keys begin with a prefix, sorted by key."""
        arguments = {"Prefix": prefix}
        tokens = set[str]()
        while arguments:
            page = self._list_page(**arguments)
            with self._understood(prefix):
                found = [ListedObject(key=item["Key"], etag=item["ETag"]) for item in page.get("Contents", ())]
            yield from found
            token = page.get("NextContinuationToken")
            if token in tokens or len(tokens) >= _MOST_PAGES:
                raise LedgerError(
                    f"{self.name(prefix)}: the listing has no end (page {len(tokens) + 1})",
                    advice="check 'endpoint_url' and 'prefix'",
                )
            tokens |= {token} if token else set()
            arguments = {"Prefix": prefix, "ContinuationToken": token} if token else {}

    def first_key(self, prefix: str) -> str | None:
        """Return the first key that begins with a prefix, in the order of their characters; None if there is none."""
        found = self._list_page(Prefix=prefix, MaxKeys=1).get("Contents", ())
        with self._understood(prefix):
            return str(found[0]["Key"]) if found else None

    def name(self, key: str) -> str:
        """Return an object's name for messages."""
        return f"s3://{self.options.bucket}/{key}"

    def _list_page(self, **arguments: Any) -> Any:
        page = self._ask("list_objects_v2", self.options.prefix, frozenset(), **arguments) or {}
        with self._understood(self.options.prefix):
            # An XML document of something else has neither, and would pass for a bucket without objects.
            if "Name" not in page and "IsTruncated" not in page:
                raise ValueError("not a listing")
            # More is announced that cannot be reached: receipts that are not seen would be taken for lost.
            if page.get("IsTruncated") and not page.get("NextContinuationToken") and "MaxKeys" not in arguments:
                raise ValueError("a listing that was cut off")
        return page

    def _put(self, key: str, body: bytes, **condition: str) -> Written | None:
        # An object that is gone has another ETag than any: S3 answers 404 to If-Match then.
        expected = CONDITION_REFUSED | ABSENT
        arguments = {"Key": key, "Body": body, "ContentType": "application/json", **self._encryption, **condition}
        answer = self._ask("put_object", key, expected, **arguments)
        if answer is None:
            return None
        with self._understood(key):
            return Written(etag=answer["ETag"], at=self._read_date(answer, key))

    def _ask(self, operation: str, key: str, expected: frozenset[str], **arguments: Any) -> Any:
        """Return the answer; None if S3 refuses with one of the expected codes."""
        try:
            return getattr(self._client, operation)(Bucket=self.options.bucket, **arguments)
        except self._errors.ClientError as error:
            if code_of(error) in expected:
                return None
            refusal = translate_refusal(error, operation, self.name(key))
        except (self._errors.BotoCoreError, ForeignAnswerError) as error:
            refusal = self._translate(error, key)
        except _MISREAD:
            # Of the SDK, which trusts the shape of what it parses.
            refusal = self._explain_misread(key)
        # Not chained: S3 and its SDK quote what they reject.
        raise refusal from None

    def _translate(self, error: Exception, key: str) -> LedgerError:
        return translate_failure(error, self._errors, self.name(key), str(self._client.meta.endpoint_url))

    @contextmanager
    def _understood(self, key: str) -> Iterator[None]:
        """Raise S3UnavailableError if the block, which only reads an answer, cannot make sense of it."""
        try:
            yield
        except _MISREAD:
            raise self._explain_misread(key) from None

    def _explain_misread(self, key: str) -> LedgerError:
        return S3UnavailableError(
            f"{self.name(key)}: the answer has an unknown form", advice="check 'endpoint_url' and the proxy"
        )

    def _read_date(self, answer: Any, key: str) -> datetime:
        date = read_http_date(answer["ResponseMetadata"]["HTTPHeaders"].get("date"))
        if date is None:
            raise LedgerError(
                f"{self.name(key)}: the store does not say what time it is",
                advice="let the proxies in front of it pass the header Date",
            )
        return date


def connect(options: S3Options, environment: Mapping[str, str] | None = None) -> S3Client:
    """Return the bucket; nothing is sent yet. `environment` names proxies and certificates; None is an empty one.

    Raises:
        InputError: boto3 is missing, or the options can't be used.
    """
    boto3, errors = require("boto3", extra="s3"), require("botocore.exceptions", extra="s3")
    sessions = require("botocore.session", extra="s3")
    with importing("s3"):
        from keyplan.net.aws_transport import lead_aws  # noqa: PLC0415 - needs urllib3, which the SDK brings
    url = check_base_url(options.endpoint_url, whose="endpoint_url") if options.endpoint_url else None
    config = require("botocore.config", extra="s3").Config(
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        user_agent_appid="keyplan",
        # Compatible stores refuse the checksums that the SDK adds by default since 1.36.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # A store at an endpoint of its own seldom has a host name for each bucket.
        s3={"addressing_style": "path"} if url else {},
    )
    try:
        of_sdk = sessions.Session()
        timeout = (_CONNECT_SECONDS, _READ_SECONDS)
        lead_aws(of_sdk, environment=environment or {}, timeout=timeout, connections=WIDEST, limits=_LIMITS)
        client = boto3.Session(botocore_session=of_sdk, region_name=options.region).client(
            "s3", endpoint_url=url, config=config
        )
    except (errors.BotoCoreError, ValueError) as error:
        advice = "check region, endpoint_url and AWS_PROFILE"
        raise InputError(f"the AWS SDK can't be set up: {type(error).__name__}", advice=advice) from None
    hide_session_tokens(client)
    refuse_foreign_answers(client)
    check_answers(client)
    return S3Client(client, errors, options)
