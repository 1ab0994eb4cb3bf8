"""What the adapters of AWS share: an option, a look at each answer, and how failures of the SDK are told apart.

Nothing here imports the SDK: `keyplan validate` needs the options alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from keyplan.model.mask import note_credential
from keyplan.net.faults import ForeignAnswerError, find_answer_fault

REGION: Final[Mapping[str, Any]] = {
    "type": ["string", "null"],
    "minLength": 1,
    "description": "Such as eu-west-1; left out, AWS_REGION, AWS_DEFAULT_REGION or the profile says it.",
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
    """See that no message repeats the session token of a boto3 client, which AWS gets and a server may answer with.

    The SDK finds it by itself, in a profile or from a service, and renews it. The secret access key is never sent.
    """
    client.meta.events.register("before-send", _note_session_token)


def _note_session_token(request: Any, **_: Any) -> None:
    # boto3 guide, "Extensibility": what a handler returns here would take the place of the server's answer.
    token = request.headers.get("X-Amz-Security-Token")
    if token:
        note_credential(token.decode() if isinstance(token, bytes) else token)
