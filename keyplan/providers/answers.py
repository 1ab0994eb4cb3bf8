"""Turns an exchange into a JSON object, or into one of keyplan's errors with a message of one line.

No message quotes a server's body, which may hold a raw key; only the title and detail of a problem document are shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn, TypeAlias

from keyplan.errors import (
    InDoubtError,
    ProviderDeniedError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from keyplan.net.answers import load_json
from keyplan.net.http import Answer, Exchange, Failure, show_safely

JsonObject: TypeAlias = Mapping[str, Any]
LostError: TypeAlias = type[InDoubtError] | type[ProviderUnavailableError]
"""What is raised if the server may have got a request but no whole answer came: InDoubtError unless repeatable."""

_PROBLEM_LIMIT = 300
_LIFETIME = re.compile(r"life-?time|expir", re.IGNORECASE)
_SPAN = re.compile(r"\b(?P<number>[1-9][0-9]{0,5}) ?(?P<unit>day|hour|week)s?\b", re.IGNORECASE)
_UNITS = {"day": "d", "hour": "h", "week": "w"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderWords:
    """What messages about one provider's server advise."""

    setting: str
    """The settings that say which server is asked, as a sentence names them: ``provider.base_url``."""
    credential: str
    """What to do if the credential is refused."""
    missing_credential: str
    """What to do if the credential cannot be fetched."""
    denials: tuple[tuple[str, str], ...] = ()
    """What the server's body says beside 401 or 403, in part, and what to do then in place of `credential`."""


def is_success(answer: Answer) -> bool:
    """Whether a status is 2xx."""
    return HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES


def expect_success(what: str, result: Exchange | None, lost: LostError, words: ProviderWords) -> Answer:
    """Return the answer if its status is 2xx. `result` None means that the request was never sent.

    Raises:
        ProviderDeniedError: 401 or 403.
        ProviderRefusedError: Another 3xx or 4xx.
        ProviderUnavailableError: 429, or nothing was sent.
        InDoubtError: 5xx or a broken connection, if `lost` is this class.
    """
    if isinstance(result, Answer):
        if is_success(result):
            return result
        _refuse(what, result, lost, words)
    kind = lost if result and result.sent else ProviderUnavailableError
    raise kind(f"{what}: {describe(result)}", advice=advise(result, words))


def parse_object(what: str, answer: Answer, lost: LostError, words: ProviderWords) -> JsonObject:
    """Return the JSON object of a successful answer.

    Raises:
        InDoubtError: The body is something else, if `lost` is this class.
        ProviderUnavailableError: The same, if `lost` is this class.
    """
    values = _load(answer)
    if isinstance(values, Mapping):
        return values
    if values is not None:
        raise lost(f"{what}: {answer.host}: the answer is not a JSON object (status {answer.status})")
    fault = answer.find_unreadable()
    form = "" if answer.body.strip() else "empty, "
    # No `from`: a JSON error would quote the body, and the body of a create may hold a raw key.
    raise lost(f"{what}: {fault.reason} ({form}status {answer.status})", advice=fault.advise(words.setting))


def describe(result: Exchange | None) -> str:
    """Return the outcome of a request in one line."""
    match result:
        case None:
            return "the server keeps asking to wait"
        case Failure(reason=reason):
            return reason
        case _:
            return _describe_answer(result)


def advise(result: Exchange | None, words: ProviderWords) -> str:
    """Return what to do if the network, or something in it, is at fault; empty otherwise."""
    return result.fault.advise(words.setting) if result and result.fault else ""


def _refuse(what: str, answer: Answer, lost: LostError, words: ProviderWords) -> NoReturn:
    text = f"{what}: {describe(answer)}"
    advice = advise(answer, words)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not answer.fault:
        text = f"{what}: {answer.host}: {describe(answer)}"
        advice = f"try again later; if it happens again, check {words.setting} and the status page of the provider"
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        known = _find_denial(answer, words)
        raise ProviderDeniedError(text, advice=f"{advice}; or {known}" if advice else known)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        # A 429 had no effect, so not even a create is in doubt; it was repeated until the deadline.
        raise ProviderUnavailableError(text, advice=advice or "try again later, or with less --parallelism")
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # A server that fails may have acted before it failed, also behind a gateway that answers in its place.
        raise lost(text, advice=advice)
    raise ProviderRefusedError(text, status=answer.status, advice=advice or _advise(answer.status, text))


def _find_denial(answer: Answer, words: ProviderWords) -> str:
    # Advice alone: nothing is decided by the words of a server, and they are not shown.
    return next((advice for said, advice in words.denials if said.encode() in answer.body), words.credential)


def _advise(status: int, said: str) -> str:
    # Only 3xx without a target arrives here below 400: a success was returned before.
    if status < HTTPStatus.BAD_REQUEST:
        return "check provider.base_url"
    if status == HTTPStatus.NOT_FOUND:
        return "it does not exist, or the credential may not see it"
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and _LIFETIME.search(said):
        # Advice alone: nothing is decided by the words of a server (docs/arize-api.md, A21 and A32).
        most = _SPAN.search(said)
        written = f"{most['number']}{_UNITS[most['unit'].lower()]}" if most else "DURATION"
        return (
            f"if the account limits the lifetime of keys, set the limit in the manifest, so that plans respect it: "
            f"provider: {{max_lifetime: {written}}}"
        )
    return ""


def _describe_answer(answer: Answer) -> str:
    if answer.fault:
        return answer.fault.reason
    problem = _load(answer)
    values = problem if isinstance(problem, Mapping) else {}
    # Titles differ between servers and are only shown; decisions use the status (docs/arize-api.md, A32).
    title = _text(values.get("title")) or _phrase(answer.status)
    said = ": ".join(part for part in (title, _text(values.get("detail"))) if part)
    return show_safely(f"{answer.status} {said}".strip(), limit=_PROBLEM_LIMIT)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _text(value: object) -> str:
    return show_safely(value, limit=_PROBLEM_LIMIT) if isinstance(value, str) else ""


def _load(answer: Answer) -> object:
    try:
        return load_json(answer.body)
    except ValueError:
        return None
