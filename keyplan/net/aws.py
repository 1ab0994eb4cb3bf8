"""What the adapters of AWS share: an option, and how failures of the SDK are told apart.

Nothing here imports the SDK: `keyplan validate` needs the options alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from keyplan.model.mask import note_credential

REGION: Final[Mapping[str, Any]] = {
    "type": ["string", "null"],
    "minLength": 1,
    "description": "Such as eu-west-1; left out, AWS_REGION, AWS_DEFAULT_REGION or the profile says it.",
    "x-access": "host",
}
"""The schema of the option `region`."""


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
