"""What the adapters of AWS share: an option, a look at each answer, and how to distinguish failures of the SDK.

Nothing here imports the SDK: `keyplan validate` needs the options alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from keyplan.model.mask import note_credential
from keyplan.net.faults import ForeignAnswerError, find_answer_fault

REGION: Final[Mapping[str, Any]] = {
    "type": ["string", "null"],
    "minLength": 1,
    "description": "Such as eu-west-1; left out, AWS_REGION, AWS_DEFAULT_REGION or the profile says it.",
    "examples": ["eu-west-1"],
    "x-access": "host",
}
"""The schema of the option `region`."""


def refuse_foreign_answers(client: Any) -> None:
    """Have a client of boto3 raise ForeignAnswerError for what another than AWS, or its like, answers.

    The SDK reads a web page as an answer without fields, or as an object's content.
    """
    url = str(client.meta.endpoint_url)

    def check(response_dict: Mapping[str, Any], **_: Any) -> None:
        headers, body = response_dict["headers"], response_dict["body"]
        # AWS's own, such as the redirect of S3 to a bucket's region, which the SDK understands.
        if any(str(name).lower().startswith("x-amz") for name in headers):
            return
        fault = find_answer_fault(
            url,
            status=response_dict["status_code"],
            content_type=headers.get("content-type", ""),
            location=headers.get("location", ""),
            body=body if isinstance(body, bytes) else b"",
        )
        if fault:
            raise ForeignAnswerError(fault)

    # Endpoint._do_get_response of botocore: emitted for each answer, before anything is read from it.
    client.meta.events.register("before-parse", check)


def lacks_credentials(error: Exception, errors: Any) -> bool:
    """Whether the SDK had no credentials that it could use; `errors` is the module `botocore.exceptions`."""
    # By class: the texts change with the versions of the SDK, and may quote what they were given.
    return isinstance(
        error,
        (
            errors.NoCredentialsError,
            errors.PartialCredentialsError,
            errors.CredentialRetrievalError,
            errors.SSOError,
            errors.TokenRetrievalError,
            errors.UnauthorizedSSOTokenError,
        ),
    )


def hide_session_tokens(client: Any) -> None:
    """Ensure that no message repeats the session token of a boto3 client, which AWS gets and a server may answer with.

    The SDK finds it in a profile or gets it from a service, and renews it. The secret access key is never sent.
    """
    client.meta.events.register("before-send", _note_session_token)


def _note_session_token(request: Any, **_: Any) -> None:
    # boto3 guide, "Extensibility": what a handler returns here would take the place of the server's answer.
    token = request.headers.get("X-Amz-Security-Token")
    if token:
        note_credential(token.decode() if isinstance(token, bytes) else token)


def check_answers(client: Any) -> Any:
    """Return a boto3 client that raises ValueError for each answer of another shape than AWS documents.

    botocore looks for the members that it knows, and takes an answer of something else for one without any.
    """
    client.meta.events.register("after-call", _check_answer)
    return client


def _check_answer(*, http_response: Any, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
    # Under 300 botocore parses by the shape of the operation, else by that of errors.
    if http_response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
        return
    output = model.output_shape
    if _find_protocol(model) == "json" and http_response.content.lstrip()[:1] not in (
        (b"{",) if output is not None and output.members else (b"{", b"")
    ):
        raise ValueError("an answer that is not a JSON object")
    if output is not None and not _fits(parsed, output):
        raise ValueError("an answer of another shape")


def _find_protocol(model: Any) -> str:
    # Since botocore 1.37 a service may have several, of which one is chosen.
    return str(getattr(model.service_model, "resolved_protocol", model.metadata["protocol"]))


def _fits(value: object, shape: Any) -> bool:
    """Whether a parsed value is of the type that its shape says; members that are missing or null fit."""
    check = _BY_TYPE.get(shape.type_name)
    return check is None or check(value, shape)


def _fits_structure(value: object, shape: Any) -> bool:
    return isinstance(value, Mapping) and all(
        value.get(name) is None or _fits(value[name], member) for name, member in shape.members.items()
    )


def _fits_list(value: object, shape: Any) -> bool:
    return isinstance(value, list) and all(_fits(item, shape.member) for item in value)


def _fits_map(value: object, shape: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and _fits(item, shape.value) for name, item in value.items()
    )


_BY_TYPE: Final[Mapping[str, Callable[[object, Any], bool]]] = {
    "boolean": lambda value, _: isinstance(value, bool),
    "integer": lambda value, _: isinstance(value, int) and not isinstance(value, bool),
    "list": _fits_list,
    "long": lambda value, _: isinstance(value, int) and not isinstance(value, bool),
    "map": _fits_map,
    "string": lambda value, _: isinstance(value, str),
    "structure": _fits_structure,
    "timestamp": lambda value, _: isinstance(value, datetime),
}
"""By the names of types in botocore.model."""
