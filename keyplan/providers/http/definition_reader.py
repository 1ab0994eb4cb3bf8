"""Makes a `Definition` of a file that fits its schema, and finds what no schema can: words and pointers out of place.

Every mistake is found at once, and has the place at which it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from keyplan.errors import InputError, ManifestError, Problem
from keyplan.model.checked_file import CheckedFile
from keyplan.model.laws import Laws
from keyplan.model.manifest import KeyType
from keyplan.net.http import check_base_url
from keyplan.providers.client import GONE
from keyplan.providers.http.definition import (
    Definition,
    Deletion,
    Forms,
    IssueRequest,
    KeyFields,
    ListRequest,
    MarkerPlace,
    Scheme,
    SchemeKind,
    VariableForm,
    Verification,
)
from keyplan.providers.http.definition_rules import find_problems
from keyplan.providers.http.page_rules import CursorPages, LastIdPages, NumberedPages, OffsetPages, Paging, WholeListing
from keyplan.providers.http.pointers import Source, read_pointer
from keyplan.providers.http.templates import find_words
from keyplan.providers.http.times import SpanForm, TimeForm

_MINUTE: Final = timedelta(minutes=1)
_SECOND: Final = timedelta(seconds=1)
_NONE: Final[Mapping[str, Any]] = {}


def read_definition(file: CheckedFile) -> Definition:
    """Return what a definition says.

    Raises:
        ManifestError: It contradicts itself; all problems are listed, in file order.
    """
    problems = [*find_problems(file), *_check_url(file)]
    if problems:
        raise ManifestError(tuple(sorted(problems, key=lambda problem: (problem.line, problem.column))))
    values: Mapping[str, Any] = file.values
    scheme, fields = _read_scheme(values["authentication"]), _read_fields(values["fields"])
    expiry = values.get("expiry", _NONE)
    return Definition(
        name=values["name"],
        base_url=values.get("base_url", ""),
        scheme=scheme,
        headers=values.get("headers", _NONE),
        variables={name: VariableForm(default=each.get("default")) for name, each in _variables(values).items()},
        listing=_read_listing(values["list"]),
        fields=fields,
        forms=Forms(
            sent_expiry=TimeForm(expiry.get("send", "rfc3339")),
            shown_expiry=TimeForm(expiry.get("read", "rfc3339")),
            shown_times=TimeForm(values.get("times", "rfc3339")),
        ),
        marker=MarkerPlace(values["marker"]),
        create=_read_issuance(values["create"], values["fields"]),
        refresh=_read_issuance(values["refresh"], values["fields"]) if "refresh" in values else None,
        delete=_read_deletion(values["delete"]),
        verify=_read_verification(values["verify"], scheme),
        laws=_read_laws(values, fields),
    )


def _check_url(file: CheckedFile) -> Iterator[Problem]:
    url = file.values.get("base_url")
    if isinstance(url, str):
        try:
            check_base_url(url, whose="the base URL")
        except InputError as error:
            yield file.problem(("base_url",), error.message, advice=error.advice)


def _variables(values: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    given: Mapping[str, Mapping[str, Any]] = values.get("variables", _NONE)
    return given


def _read_scheme(given: Any) -> Scheme:
    if isinstance(given, Mapping):
        return Scheme(kind=SchemeKind.HEADER, header=given["header"])
    return Scheme(kind=SchemeKind(given))


def _read_fields(given: Mapping[str, str]) -> KeyFields:
    return KeyFields(**{name: Source(text) for name, text in given.items()})


def _read_listing(given: Mapping[str, Any]) -> ListRequest:
    return ListRequest(
        path=given["path"],
        query=given.get("query", _NONE),
        items=read_pointer(given.get("items", "")),
        pages=_read_paging(given["pages"]) if "pages" in given else WholeListing(),
    )


def _read_paging(given: Mapping[str, Any]) -> Paging:
    parameter: str = given["parameter"]
    match given["by"]:
        case "cursor":
            return CursorPages(parameter=parameter, next=read_pointer(given["next"]))
        case "offset":
            return OffsetPages(parameter=parameter)
        case "last_id":
            return LastIdPages(parameter=parameter, more=read_pointer(given["more"]))
        case _:
            return NumberedPages(parameter=parameter, total=read_pointer(given["total"]), first=given.get("first", 1))


def _read_issuance(given: Mapping[str, Any], fields: Mapping[str, str]) -> IssueRequest:
    return IssueRequest(
        method=given.get("method", "POST"),
        path=given["path"],
        body=given.get("body", _NONE),
        statuses=frozenset(given.get("statuses", ())),
        key=read_pointer(given.get("object", "")),
        fields=_read_fields({**fields, **given.get("fields", _NONE)}),
        raw=Source(given["raw"]),
        keeps_id=given.get("id") == "kept",
        grace=SpanForm(given.get("grace", _NONE).get("form", "seconds")),
    )


def _read_deletion(given: Mapping[str, Any]) -> Deletion:
    return Deletion(
        method=given.get("method", "DELETE"),
        path=given["path"],
        body=given.get("body"),
        gone=frozenset(given.get("gone", GONE)),
    )


def _read_verification(given: Mapping[str, Any], scheme: Scheme) -> Verification:
    return Verification(
        method=given.get("method", "GET"),
        path=given["path"],
        scheme=_read_scheme(given["authentication"]) if "authentication" in given else scheme,
        accepted=frozenset(given.get("accepted", ())),
        refused=frozenset(given.get("refused", (401,))),
    )


def _read_laws(values: Mapping[str, Any], fields: KeyFields) -> Laws:
    laws, refresh = values.get("laws", _NONE), values.get("refresh", _NONE)
    grace = refresh.get("grace", _NONE)
    sent = {word for _, word, _ in find_words(values["create"]["body"])}
    return Laws(
        dialect=values["name"],
        key_types=frozenset({KeyType.API}),
        has_refresh=bool(refresh),
        refresh_extends_life=refresh.get("extends_life", False),
        refresh_needs_expiry=refresh.get("needs_expiry", False),
        longest_grace=timedelta(seconds=grace.get("longest", 0)),
        grace_step=_MINUTE if grace.get("form") == "minutes" else _SECOND,
        keeps_one_previous=refresh.get("keeps_one_previous", False),
        takes_expiry="expires_at" in sent,
        takes_organizations=False,
        takes_custom_roles=False,
        takes_marker=values["marker"] != MarkerPlace.NONE.value,
        names_organizations=False,
        has_unique_names=laws.get("unique_names", False),
        shows_scopes=False,
        shows_last_use=fields.last_used is not None,
        shows_redacted=fields.redacted is not None,
        marks_prove_creator=laws.get("only_administrators_create", False),
        listing_proves_absence=laws.get("complete_listing", False),
        drops_expired=laws.get("expired_keys_disappear", False),
    )
