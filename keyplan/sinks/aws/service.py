"""One AWS service as the sinks use it: a client with time limits, and its failures as the sinks' errors.

No text of an answer or a request gets into an error (AWS quotes rejected values), and no body into a log. boto3 is
imported only when a sink is built.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeAlias

from keyplan.context import PluginContext
from keyplan.errors import InputError, SinkDeniedError, SinkError, SinkUnavailableError
from keyplan.model.manifest import SinkSettings
from keyplan.net.aws import REGION, check_answers, hide_session_tokens, lacks_credentials, refuse_foreign_answers
from keyplan.net.causes import find_fault
from keyplan.net.faults import ForeignAnswerError
from keyplan.net.http import check_base_url, read_retry_after
from keyplan.net.retry import Again, Retrier
from keyplan.sinks.answers import CEILING, MAX_KEYS, MISREAD, Listing, explain_misread, read_max_keys
from keyplan.sinks.options import PATIENCE
from keyplan.sinks.patience import explain_fault, explain_throttled, open_retrier
from keyplan.system.optional import importing, require

WIDEST = 8
"""How many requests run at the same time."""
_CONNECT_SECONDS = 10
_READ_SECONDS = 20
_LONGEST_PART = 100
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")

CONNECTION: Mapping[str, Any] = {
    "region": REGION,
    "endpoint_url": {
        "type": ["string", "null"],
        "minLength": 1,
        "description": "For a VPC endpoint or an emulator; left out, AWS's own.",
        "examples": ["https://vpce-1a2b3c.secretsmanager.eu-west-1.vpce.amazonaws.com"],
        "x-access": "url",
    },
    "profile": {
        "type": ["string", "null"],
        "minLength": 1,
        "description": "Name of a profile of ~/.aws/config; left out, the SDK's usual chain of credentials.",
        "examples": ["production"],
        "x-access": "profile",
    },
    **PATIENCE,
    **CEILING,
}
"""Options of every AWS sink that say where to connect; the same for all deliveries."""

KMS_KEY: Mapping[str, Any] = {
    "kms_key_id": {
        "type": ["string", "null"],
        "minLength": 1,
        "description": "Id, ARN or alias of the KMS key that encrypts; left out, the account's default key.",
        "examples": ["alias/arize"],
        "x-access": "place",
    },
}
"""The option of every AWS sink that says what encrypts."""

_UNAVAILABLE = frozenset(
    {
        "ConcurrentModificationException",
        "InternalServerError",
        "InternalServiceError",
        "OperationAbortedException",
        "ParameterAlreadyExists",  # looked for and not found a moment before
        "ParameterNotFound",
        "RequestTimeout",
        "RequestTimeoutException",
        "ResourceExistsException",
        "ResourceNotFoundException",
        "ServiceUnavailable",
    }
)
# As `botocore.retries.standard` has them; `LimitExceededException` is left out, which for these services is a quota of
# things and not of requests. The last is SSM's for changes that come too fast after each other.
_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
        "TooManyUpdates",
    }
)
_ADVICE: Mapping[str, str] = {
    "DecryptionFailure": "let keyplan's role use the KMS key: kms:Decrypt",
    "EncryptionFailure": "let keyplan's role use the KMS key: kms:GenerateDataKey, kms:Encrypt, kms:Decrypt",
    "ExpiredToken": "log in to AWS again",
    "ExpiredTokenException": "log in to AWS again",
    "HierarchyTypeMismatchException": "delete the parameter: AWS can't turn another type into SecureString",
    "InvalidKeyId": "see that kms_key_id names an enabled key of this region that keyplan's role may use",
    "InvalidSignatureException": "see that the AWS credentials and this machine's clock are right",
    "LimitExceededException": "remove secrets, versions or tags that are not needed, or have the quota raised",
    "ParameterLimitExceeded": "remove parameters that are not needed, or have the quota raised",
    "ParameterMaxVersionLimitExceeded": "take the label off the parameter's oldest version",
    "TooManyTagsError": "remove other tags: AWS allows 50 on one resource, of which keyplan needs about 10",
    "UnrecognizedClientException": "see that the AWS credentials are right and belong to this region's partition",
}
_DENIALS = frozenset({"AccessDenied", "AccessDeniedException", "KMSAccessDeniedException", "NotAuthorized"})
_IN_POLICIES = {"tagging": "tag"}
# What these write at DEBUG level holds bodies of requests and answers, and so raw keys.
_TALKATIVE = (
    "botocore.auth",
    "botocore.awsrequest",
    "botocore.endpoint",
    "botocore.hooks",
    "botocore.httpsession",
    "botocore.parsers",
    "botocore.retryhandler",
)


class AwsDeniedError(SinkDeniedError):
    """Policies don't allow a call to keyplan's role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _AwsRefusal:
    """AWS's answer that is an error."""

    code: str
    status: int
    limit: Again | None
    """How long AWS wants to be waited for; None if it does not throttle."""

    @classmethod
    def of(cls, error: Any, now: datetime) -> _AwsRefusal:
        metadata = error.response.get("ResponseMetadata", {})
        code, status = str(error.response.get("Error", {}).get("Code", "")), metadata.get("HTTPStatusCode", 0)
        pause = read_retry_after((metadata.get("HTTPHeaders") or {}).get("retry-after"), now)
        is_limit = code in _THROTTLED or status == HTTPStatus.TOO_MANY_REQUESTS
        is_limit = is_limit or (status == HTTPStatus.SERVICE_UNAVAILABLE and pause is not None)
        return cls(code=code, status=status, limit=Again(throttled=True, retry_after=pause) if is_limit else None)


_Result: TypeAlias = Mapping[str, Any] | _AwsRefusal | SinkError


class _AboveDebug(logging.Filter):
    """Lets nothing pass that is for debugging, whatever level a program sets."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record may be written."""
        return record.levelno > logging.DEBUG


_ABOVE_DEBUG = _AboveDebug()


class Service:
    """One AWS service. Safe for threads."""

    def __init__(self, client: Any, errors: Any, retrier: Retrier, *, max_keys: int = MAX_KEYS) -> None:
        """Take a boto3 client that tries once, and the module `botocore.exceptions`, or what behaves like them."""
        self._max_keys = max_keys
        self._client = client
        self._errors = errors
        self._retrier = retrier

    def call(self, operation: str, place: str, **arguments: Any) -> Mapping[str, Any]:
        """Return AWS's answer to an operation such as ``describe_secret``.

        Raises SinkDeniedError, SinkUnavailableError, with `place` in the message.
        """
        answer = self.ask(operation, place, absent=(), **arguments)
        return {} if answer is None else answer

    def ask(self, operation: str, place: str, *, absent: Collection[str], **arguments: Any) -> Mapping[str, Any] | None:
        """Return AWS's answer; None if AWS refuses with one of the codes in `absent`. Raises like `call`."""
        right = self._right(operation)
        result = self._retrier.persist(lambda: self._try(operation, place, arguments), _judge)
        if isinstance(result, _AwsRefusal) and result.code in absent:
            return None
        limit = result.limit if isinstance(result, _AwsRefusal) else None
        if result is None or limit:
            raise explain_throttled(place, self._retrier, limit)
        if isinstance(result, _AwsRefusal):
            result = _refusal(result, place, right)
        if isinstance(result, SinkError):
            # Not chained: AWS and its SDK quote what they reject.
            raise result from None
        return result

    def _try(self, operation: str, place: str, arguments: Mapping[str, Any]) -> _Result:
        """Send a request once, and return the answer, AWS's refusal, or the error that there is no answer."""
        try:
            answer: Mapping[str, Any] = getattr(self._client, operation)(**arguments)
        except self._errors.ClientError as error:
            return _AwsRefusal.of(error, self._retrier.clock.now())
        except (self._errors.BotoCoreError, ForeignAnswerError) as error:
            return self._explain(error, place)
        except MISREAD:
            # Of the SDK, which trusts the shape of what it parses.
            return explain_misread(place, advice="check 'endpoint_url', region and proxy")
        return answer

    def pages(self, operation: str, place: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        """Yield all pages of a listing that goes on with NextToken. Raises like `call`."""
        listing = self.list_pages(place)
        more: dict[str, str] = {}
        while True:
            page = self.call(operation, place, **arguments, **more)
            token = page.get("NextToken")
            listing.add_page(_count_entries(page), cursor=token or "")
            yield page
            if not token:
                return
            more = {"NextToken": token}

    def list_pages(self, place: str) -> Listing:
        """Return what counts the pages of one listing."""
        return Listing(place, max_keys=self._max_keys)

    def _explain(self, error: Exception, place: str) -> SinkError:
        kind = type(error).__name__
        if lacks_credentials(error, self._errors):
            return SinkDeniedError(f"{place}: there are no usable AWS credentials ({kind})", advice="log in to AWS")
        if isinstance(error, self._errors.ParamValidationError):
            text = f"{place}: the AWS SDK refuses the request ({kind})"
            return SinkDeniedError(text, advice="check name and options")
        fault = find_fault(error, str(self._client.meta.endpoint_url))
        return explain_fault(place, fault, "the sink's 'region' or 'endpoint_url'")

    def _right(self, operation: str) -> str:
        name = self._client.meta.service_model.signing_name
        return f"{_IN_POLICIES.get(name, name)}:{''.join(word.title() for word in operation.split('_'))}"


def connect(services: Sequence[str], settings: SinkSettings, context: PluginContext) -> tuple[Service, ...]:
    """Return AWS services by their boto3 names, for a sink; nothing is sent yet.

    Raises InputError if boto3 is missing, or region, profile or endpoint can't be used.
    """
    options, extra = settings.options, settings.type
    boto3, errors = require("boto3", extra=extra), require("botocore.exceptions", extra=extra)
    sessions = require("botocore.session", extra=extra)
    with importing(extra):
        from keyplan.net.aws_transport import lead_aws  # noqa: PLC0415 - needs urllib3, which the SDK brings
    config = require("botocore.config", extra=extra).Config(
        # The sink repeats requests itself, by one rule with all others, and says what it waits for.
        retries={"mode": "standard", "total_max_attempts": 1},
        user_agent_appid="keyplan",
    )
    # A filter, not a level: the program, or another library, may set levels at any time.
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_ABOVE_DEBUG)
    endpoint = options.get("endpoint_url")
    url = check_base_url(str(endpoint), whose="endpoint_url") if endpoint else None
    try:
        of_sdk = sessions.Session(profile=options.get("profile"))
        lead_aws(
            of_sdk,
            environment=context.environment,
            timeout=(_CONNECT_SECONDS, _READ_SECONDS),
            # The applier delivers keys in parallel, each with its own requests.
            connections=2 * WIDEST,
        )
        session = boto3.Session(botocore_session=of_sdk, region_name=options.get("region"))
        clients = [session.client(name, endpoint_url=url, config=config) for name in services]
    except errors.NoRegionError:
        raise InputError("no AWS region is known", advice="set 'region' on this sink, or AWS_REGION") from None
    except (errors.BotoCoreError, ValueError) as error:
        raise InputError(f"the AWS SDK can't be set up: {type(error).__name__}", advice=_first_line(error)) from None
    for client in clients:
        hide_session_tokens(client)
        refuse_foreign_answers(client)
        check_answers(client)
    # One for all services: their limits are the account's, and few.
    retrier = open_retrier(options, context, name=settings.name)
    max_keys = read_max_keys(options)
    return tuple(Service(client, errors, retrier, max_keys=max_keys) for client in clients)


def to_name_part(value: str) -> str:
    """Return a value as part of a name in AWS: letters, digits, ``.``, ``_`` and ``-``; no ``/``, never empty.

    A value with other characters, or of more than 100, has them replaced and ends in a digest of the whole value.
    """
    if value and not _UNSAFE.search(value) and value.strip(".") and len(value) <= _LONGEST_PART:
        return value
    # Without a digest, two values that differ in such characters alone would share a name.
    digest = hashlib.sha256(value.encode()).hexdigest()[:8]
    plain = _UNSAFE.sub("-", value).strip(".-")[: _LONGEST_PART - len(digest) - 1]
    return f"{plain}-{digest}" if plain else digest


def _count_entries(page: Mapping[str, Any]) -> int:
    """Return how many entries a page has: it has one list, whose name differs between operations."""
    return sum(len(member) for member in page.values() if isinstance(member, list))


def _judge(result: _Result) -> Again | None:
    if isinstance(result, _AwsRefusal):
        return result.limit or (Again() if result.status >= HTTPStatus.INTERNAL_SERVER_ERROR else None)
    return Again() if isinstance(result, SinkUnavailableError) else None


def _refusal(refused: _AwsRefusal, place: str, right: str) -> SinkError:
    code, status = refused.code, refused.status
    if code in _DENIALS:
        return AwsDeniedError(
            f"{place}: AWS denies {right}",
            advice=f"allow {right} there to keyplan's role, and the use of the KMS key",
        )
    if code in _UNAVAILABLE or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SinkUnavailableError(f"{place}: AWS answered {code or status} to {right}", advice="apply again later")
    return SinkDeniedError(
        f"{place}: AWS refused {right} with {code or status}",
        advice=_ADVICE.get(code, "see the sink's page for what it needs"),
    )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
