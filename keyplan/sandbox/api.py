"""The endpoints of the Arize API: keys, spaces, organizations and the audit log (docs/arize-api.md, A7, A9 and A40).

Statuses, media types and fields are exactly those of a generation; the rules are in `account` and the generations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from keyplan.sandbox.account import Account, Caller, Filters
from keyplan.sandbox.audit import OPERATION_TYPES, AuditTrail, LogFilters, LoggedChange
from keyplan.sandbox.bodies import RequestBody
from keyplan.sandbox.clock import SandboxClock
from keyplan.sandbox.directory import Directory
from keyplan.sandbox.formats import parse_instant
from keyplan.sandbox.generations import Generation, require_id, require_organization, require_space, show_organization
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.pages import Page, cut, read_page
from keyplan.sandbox.responses import ProblemError

_T = TypeVar("_T")

_MAX_NAME_FILTER_LENGTH = 255
_SPACE_PARAMETERS = frozenset({"org_id", "name", "limit", "cursor"})
_ORGANIZATION_PARAMETERS = frozenset({"name", "limit", "cursor"})
_AUDIT_PARAMETERS = frozenset({"start_time", "end_time", "user_id", "operation_type", "limit", "cursor"})
_LONGEST_LOGGED_BODY = 10_000
_SHORT_OFFSET = re.compile(r"([+-]\d\d)(\d\d)\Z", re.ASCII)


class Api:
    """The endpoints of one account and its directory."""

    def __init__(
        self,
        account: Account,
        directory: Directory,
        trail: AuditTrail,
        *,
        clock: SandboxClock,
        options: SandboxOptions,
        generation: Generation,
    ) -> None:
        self._account = account
        self._directory = directory
        self._trail = trail
        self._clock = clock
        self._options = options
        self._generation = generation

    def routes(self) -> list[BaseRoute]:
        """Return the routes of this generation; a path with another method answers 405."""
        key_path = "/v2/api-keys/{key_id}"
        ending = (
            Route(key_path, self.end_key, methods=["DELETE"])
            if self._generation.has_delete
            else Route(f"{key_path}/revoke", self.end_key, methods=["PUT"])
        )
        audit = Route("/v2/audit-logs", self.list_audit_log, methods=["GET"])
        return [
            *([audit] if self._generation.has_audit_log else []),
            Route("/v2/api-keys", self.list_keys, methods=["GET"]),
            Route("/v2/api-keys", self.create_key, methods=["POST"]),
            Route(f"{key_path}/refresh", self.refresh_key, methods=["POST"]),
            ending,
            # Last among the paths of keys, so that it gets only the methods that no other route takes.
            Route(key_path, self.refuse_method),
            Route("/v2/spaces", self.list_spaces, methods=["GET"]),
            Route("/v2/spaces/{space_id}", self.get_space, methods=["GET"]),
            Route("/v2/organizations", self.list_organizations, methods=["GET"]),
            Route("/v2/organizations/{organization_id}", self.get_organization, methods=["GET"]),
        ]

    async def list_keys(self, request: Request) -> Response:
        """Answer 200 with one page of keys."""
        caller = self._caller(request)
        query = _query(request, self._generation.list_parameters)
        filters = self._filters(query)
        page = self._page(query, "api-keys")
        held, pagination = cut(self._account.list(caller, filters, after=page.after, limit=page.reach), page)
        of_one_space = filters.space_id is not None
        shown = [self._generation.show_listed(key, of_one_space) for key in held]
        return JSONResponse({"api_keys": shown, "pagination": pagination})

    async def create_key(self, request: Request) -> Response:
        """Answer 201 with the key and its raw key."""
        caller = self._caller(request)
        wanted = self._generation.read_create(RequestBody.parse(await request.body()), self._directory)
        issued = self._account.create(caller, wanted)
        await self._log(request, caller, "createApiKey")
        # Exactly 201: the SDK drops the raw key of any other success (docs/arize-api.md, A7).
        return JSONResponse(self._generation.show_created(issued.key) | {"key": issued.raw}, status_code=201)

    async def refresh_key(self, request: Request) -> Response:
        """Answer 200 with the key and its new raw key."""
        caller = self._caller(request)
        wanted = self._generation.read_refresh(RequestBody.parse(await request.body()))
        issued = self._account.refresh(caller, request.path_params["key_id"], wanted)
        await self._log(request, caller, "refreshApiKey")
        return JSONResponse(self._generation.show_refreshed(issued.key) | {"key": issued.raw})

    async def end_key(self, request: Request) -> Response:
        """Answer 204, with the key deleted or revoked."""
        caller = self._caller(request)
        self._account.end(caller, request.path_params["key_id"])
        await self._log(request, caller, "deleteApiKey" if self._generation.has_delete else "revokeApiKey")
        return Response(status_code=204)

    async def refuse_method(self, request: Request) -> Response:
        """Answer 405: no call reads or changes a single key, and in beta none deletes one (docs/arize-api.md, A2)."""
        allow = {"Allow": "DELETE"} if self._generation.has_delete else {}
        raise ProblemError(405, f"{request.method} is not possible here.", headers=allow)

    async def list_spaces(self, request: Request) -> Response:
        """Answer 200 with one page of spaces."""
        # Called for its refusal: every endpoint needs a valid credential.
        self._caller(request)
        query = _query(request, _SPACE_PARAMETERS)
        organization_id = query.get("org_id")
        if organization_id is not None:
            self._require_organization(organization_id)
        page = self._page(query, "spaces")
        found = self._directory.spaces(
            organization_id=organization_id, name=_name_filter(query), after=page.after, limit=page.reach
        )
        held, pagination = cut(found, page)
        return JSONResponse({"spaces": [self._generation.show_space(each) for each in held], "pagination": pagination})

    async def get_space(self, request: Request) -> Response:
        """Answer 200 with one space."""
        self._caller(request)
        return JSONResponse(
            self._generation.show_space(require_space(self._directory, request.path_params["space_id"]))
        )

    async def list_organizations(self, request: Request) -> Response:
        """Answer 200 with one page of organizations."""
        self._caller(request)
        query = _query(request, _ORGANIZATION_PARAMETERS)
        page = self._page(query, "organizations")
        found = self._directory.organizations(name=_name_filter(query), after=page.after, limit=page.reach)
        held, pagination = cut(found, page)
        return JSONResponse({"organizations": [show_organization(each) for each in held], "pagination": pagination})

    async def get_organization(self, request: Request) -> Response:
        """Answer 200 with one organization."""
        self._caller(request)
        return JSONResponse(
            show_organization(require_organization(self._directory, request.path_params["organization_id"]))
        )

    async def list_audit_log(self, request: Request) -> Response:
        """Answer 200 with one page of the audit log; 403 to users who are not administrators, or if it is off."""
        caller = self._caller(request)
        if not caller.is_admin or self._options.audit_log == "off":
            raise ProblemError(403, "The caller is not an account administrator, or audit logging is not enabled.")
        query = _query(request, _AUDIT_PARAMETERS)
        filters = LogFilters(
            start=_instant(query, "start_time"),
            end=_instant(query, "end_time") or self._clock.now(),
            user_id=query.get("user_id"),
            operation_type=_word(query, "operation_type", OPERATION_TYPES),
        )
        page = self._page(query, "audit-logs")
        held, pagination = cut(self._trail.page(filters, after=page.after, limit=page.reach), page)
        return JSONResponse({"logs": [entry.shown for entry in held], "pagination": pagination})

    async def _log(self, request: Request, caller: Caller, operation: str) -> None:
        """Note a change that succeeded. Its request holds no raw key: only answers do."""
        change = LoggedChange(
            user_id=caller.user_id,
            ip=request.client.host if request.client else "",
            operation=operation,
            body=(await request.body()).decode("utf-8", "replace")[:_LONGEST_LOGGED_BODY],
            path_values=request.path_params,
        )
        self._trail.note(change, self._clock.now())

    def _caller(self, request: Request) -> Caller:
        scheme, _, raw = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise ProblemError(401, "A bearer token is needed.", headers={"WWW-Authenticate": "Bearer"})
        return self._account.authenticate(raw)

    def _filters(self, query: Mapping[str, str]) -> Filters:
        space_id = query.get("space_id")
        if space_id is not None:
            # An unknown space is a 404 and not an empty listing (docs/arize-api.md, A9).
            require_space(self._directory, space_id)
        user_id = query.get("user_id")
        if user_id is not None:
            require_id(user_id, "user_id")
        # Without a status only active keys are listed (docs/arize-api.md, A11).
        return Filters(
            kind=_word(query, "key_type", self._generation.kinds),
            is_dead=_word(query, "status", self._generation.statuses) or False,
            space_id=space_id,
            user_id=user_id,
        )

    def _page(self, query: Mapping[str, str], what: str) -> Page:
        return read_page(query, default_limit=self._options.page_default, what=what)

    def _require_organization(self, organization_id: str) -> None:
        require_id(organization_id, "org_id")
        if self._directory.find_organization(organization_id) is None:
            raise ProblemError(self._generation.unknown_organization_status, "There is no such organization.")


def _query(request: Request, known: frozenset[str]) -> Mapping[str, str]:
    """Return the query parameters. Raises ProblemError 400 for one that this generation does not know."""
    # A real server may ignore it. Here it is refused, so that a client that speaks the wrong generation is noticed.
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        # Shown as ASCII: the name comes from the client and may hold anything.
        raise ProblemError(400, f"{unknown[0].encode('ascii', 'replace').decode()} is not a parameter of this request.")
    return dict(request.query_params)


def _name_filter(query: Mapping[str, str]) -> str:
    name = query.get("name", "")
    if len(name) > _MAX_NAME_FILTER_LENGTH:
        raise ProblemError(400, f"name must be at most {_MAX_NAME_FILTER_LENGTH} characters long.")
    return name


def _word(query: Mapping[str, str], name: str, words: Mapping[str, _T]) -> _T | None:
    if name not in query:
        return None
    if query[name] not in words:
        raise ProblemError(400, f"{name} must be one of {', '.join(words)}.")
    return words[query[name]]


def _instant(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    try:
        # The SDK writes the offset of a time in a query without its colon, unlike in a body (docs/arize-api.md, A40).
        return parse_instant(_SHORT_OFFSET.sub(r"\1:\2", query[name]))
    except ValueError:
        raise ProblemError(400, f"{name} must be an RFC 3339 date-time.") from None
