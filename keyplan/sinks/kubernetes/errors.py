"""The errors that a cluster's answers mean: which right is missing, and what the user can do.

The server's own words are never shown, because they may quote a request: an admission webhook writes what it likes.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from keyplan.errors import SinkDeniedError, SinkError, SinkUnavailableError
from keyplan.net.answers import load_json
from keyplan.net.http import Answer, Failure
from keyplan.sinks.kubernetes.secret import SecretRef
from keyplan.sinks.value_store import StoreConflictError

_PLAIN: Mapping[int, tuple[str, str]] = {
    HTTPStatus.UNAUTHORIZED: (
        "the cluster does not accept the credential",
        "renew it; 'kubectl get secrets' with the same context shows the details",
    ),
    HTTPStatus.NOT_ACCEPTABLE: ("the cluster is too old", "use Kubernetes 1.18 or later"),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ("the cluster has no server-side apply", "use Kubernetes 1.18 or later"),
}


class KubeForbiddenError(SinkDeniedError):
    """The cluster does not allow a request."""


class OwnedElsewhereError(SinkDeniedError):
    """Another field manager owns what was to be applied."""


class MovedOnError(StoreConflictError):
    """Another writer changed the Secret between keyplan's look and its write."""


def explain_failure(result: Failure | Answer, what: str, server: str) -> SinkError:
    """Return the error for a request without a useful answer."""
    if result.fault:
        is_refusal = isinstance(result, Answer) and result.status < HTTPStatus.INTERNAL_SERVER_ERROR
        kind = SinkDeniedError if is_refusal or result.fault.is_lasting else SinkUnavailableError
        advice = result.fault.advise("the kubeconfig's 'server'")
        if result.fault.is_about_certificate:
            advice = f"check 'certificate-authority-data' of the kubeconfig; without it, {advice}"
        return kind(f"{what}: {result.fault.reason}", advice=advice)
    reason = result.reason if isinstance(result, Failure) else f"the server answered {result.status}"
    return SinkUnavailableError(f"{what}: {server}: {reason}", advice="check cluster and network, then apply again")


def explain_refusal(answer: Answer, what: str, *, verb: str, ref: SecretRef | None) -> SinkError:
    """Return the error for a refusal; `verb` is the right that the request needs."""
    details = read_details(answer)
    match answer.status:
        case HTTPStatus.FORBIDDEN:
            return KubeForbiddenError(
                f"{what}: the cluster does not allow to {verb} it", advice=_advise_rights(verb, ref)
            )
        case HTTPStatus.NOT_FOUND if details.get("kind") == "namespaces":
            return SinkDeniedError(f"{what}: there is no such namespace", advice="create it, or name another one")
        case HTTPStatus.CONFLICT if "FieldManagerConflict" in _reasons(details):
            advice = "'kubectl get secret --show-managed-fields' shows which one; choose another entry or Secret"
            return OwnedElsewhereError(f"{what}: another field manager owns what keyplan would write", advice=advice)
        case HTTPStatus.CONFLICT:
            return MovedOnError(f"{what}: another program writes there at the same time", advice="apply again")
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return _explain_invalid(what, details)
    words, advice = _PLAIN.get(answer.status, (f"the cluster refused with {answer.status}", "see its audit log"))
    return SinkDeniedError(f"{what}: {words}", advice=advice)


def read_details(answer: Answer) -> Mapping[str, Any]:
    """Return what a Status says in fields; nothing if there is none."""
    try:
        details = load_json(answer.body).get("details")
    except (ValueError, AttributeError):
        return {}
    return details if isinstance(details, dict) else {}


def explain_immutable(what: str) -> SinkDeniedError:
    """Return the refusal to change what an immutable Secret holds."""
    return SinkDeniedError(
        f"{what}: the Secret is immutable",
        advice="an immutable Secret can only be deleted: choose another name, or delete it and apply again",
    )


def _causes(details: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [cause for cause in details.get("causes") or () if isinstance(cause, dict)]


def _reasons(details: Mapping[str, Any]) -> set[str]:
    return {str(cause.get("reason")) for cause in _causes(details)}


def _explain_invalid(what: str, details: Mapping[str, Any]) -> SinkDeniedError:
    """Return the error for a Secret that the API finds invalid, by the fields that it names."""
    # kubernetes 1.20, pkg/apis/core/validation: ValidateSecret, ValidateSecretUpdate.
    found = {(cause.get("reason"), cause.get("field")) for cause in _causes(details)}
    if ("FieldValueForbidden", "data") in found:
        return explain_immutable(what)
    if ("FieldValueTooLong", "metadata.annotations") in found:
        return SinkDeniedError(
            f"{what}: its annotations are full, 256 KiB at most",
            advice="spread the keys over several Secrets, for example with {name} in 'name'",
        )
    if ("FieldValueTooLong", "data") in found:
        return SinkDeniedError(f"{what}: it is full, 1 MiB at most", advice="spread the keys over several Secrets")
    places = ", ".join(sorted({str(field) for _, field in found if field})) or "the Secret"
    return SinkDeniedError(f"{what}: the cluster finds {places} invalid", advice="check the options of this sink")


def _advise_rights(verb: str, ref: SecretRef | None) -> str:
    name, namespace = (f"/{ref.name}", ref.namespace) if ref else ("", "")
    return (
        f"see 'kubectl auth can-i {verb} secrets{name}{f' --namespace {namespace}' if namespace else ''}'; "
        "keyplan needs create and patch, and better also get and list; if it has them, an admission policy or "
        "a quota refuses"
    )
