"""The endpoints of the Arize API: `/v2/api-keys`, `/v2/spaces`, `/v2/organizations` (docs/arize-api.md, A7 and A9).

In: HTTP requests. Out: answers with the exact statuses, media types and fields of a generation. Never: a law; those
are in `keyring` and the dialects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from keyplan.sandbox.bodies import Body
from keyplan.sandbox.dialects import Dialect, require_id, show_organization, wanted_organization, wanted_space
from keyplan.sandbox.directory import Directory
from keyplan.sandbox.keyring import Caller, Filters, Keyring
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.paging import Page, cut, read_page
from keyplan.sandbox.problems import Problem

_T = TypeVar("_T")

_LONGEST_NAME_FILTER = 255
_SPACE_PARAMETERS = frozenset({"org_id", "name", "limit", "cursor"})
_ORGANIZATION_PARAMETERS = frozenset({"name", "limit", "cursor"})


class Api:
    """The endpoints, over one keyring and one directory."""

    def __init__(self, keyring: Keyring, directory: Directory, options: SandboxOptions, dialect: Dialect) -> None:
        self._keyring = keyring
        self._directory = directory
        self._options = options
        self._dialect = dialect

    def routes(self) -> list[BaseRoute]:
        """Return the routes of this generation; a path with another method answers 405."""
        key_path = "/v2/api-keys/{key_id}"
        ending = (
            Route(key_path, self.end_key, methods=["DELETE"])
            if self._dialect.has_delete
            else Route(f"{key_path}/revoke", self.end_key, methods=["PUT"])
        )
        return [
            Route("/v2/api-keys", self.list_keys, methods=["GET"]),
            Route("/v2/api-keys", self.create_key, methods=["POST"]),
            Route(f"{key_path}/refresh", self.refresh_key, methods=["POST"]),
            ending,
            Route(key_path, self.refuse_method),
            Route("/v2/spaces", self.list_spaces, methods=["GET"]),
            Route("/v2/spaces/{space_id}", self.get_space, methods=["GET"]),
            Route("/v2/organizations", self.list_organizations, methods=["GET"]),
            Route("/v2/organizations/{organization_id}", self.get_organization, methods=["GET"]),
        ]

    async def list_keys(self, request: Request) -> Response:
        """Answer 200 with one page of keys."""
        caller = self._caller(request)
        query = _query(request, self._dialect.list_parameters)
        filters = self._filters(query)
        page = self._page(query, "api-keys")
        held, pagination = cut(self._keyring.list(caller, filters, after=page.after, limit=page.reach), page)
        of_one_space = filters.space_id is not None
        shown = [self._dialect.show_listed(key, of_one_space) for key in held]
        return JSONResponse({"api_keys": shown, "pagination": pagination})

    async def create_key(self, request: Request) -> Response:
        """Answer 201 with the key and its raw key."""
        caller = self._caller(request)
        wish = self._dialect.read_creation(Body.parse(await request.body()), self._directory)
        issued = self._keyring.create(caller, wish)
        return JSONResponse(self._dialect.show_created(issued.key) | {"key": issued.raw}, status_code=201)

    async def refresh_key(self, request: Request) -> Response:
        """Answer 200 with the key and its new raw key."""
        caller = self._caller(request)
        renewal = self._dialect.read_renewal(Body.parse(await request.body()))
        issued = self._keyring.refresh(caller, request.path_params["key_id"], renewal)
        return JSONResponse(self._dialect.show_refreshed(issued.key) | {"key": issued.raw})

    async def end_key(self, request: Request) -> Response:
        """Answer 204, with the key deleted or revoked."""
        self._keyring.end(self._caller(request), request.path_params["key_id"])
        return Response(status_code=204)

    async def refuse_method(self, request: Request) -> Response:
        """Answer 405: the path is there, but nothing reads, edits or (in beta) deletes a single key.

        See docs/arize-api.md, A2.
        """
        allow = {"Allow": "DELETE"} if self._dialect.has_delete else {}
        raise Problem(405, f"{request.method} is not possible here.", headers=allow)

    async def list_spaces(self, request: Request) -> Response:
        """Answer 200 with one page of spaces."""
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
        return JSONResponse({"spaces": [self._dialect.show_space(each) for each in held], "pagination": pagination})

    async def get_space(self, request: Request) -> Response:
        """Answer 200 with one space."""
        self._caller(request)
        return JSONResponse(self._dialect.show_space(wanted_space(self._directory, request.path_params["space_id"])))

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
            show_organization(wanted_organization(self._directory, request.path_params["organization_id"]))
        )

    def _caller(self, request: Request) -> Caller:
        scheme, _, raw = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Problem(401, "A bearer token is needed.", headers={"WWW-Authenticate": "Bearer"})
        return self._keyring.authenticate(raw)

    def _filters(self, query: Mapping[str, str]) -> Filters:
        space_id = query.get("space_id")
        if space_id is not None:
            wanted_space(self._directory, space_id)
        user_id = query.get("user_id")
        if user_id is not None:
            require_id(user_id, "user_id")
        return Filters(
            kind=_word(query, "key_type", self._dialect.kinds),
            is_dead=_word(query, "status", self._dialect.statuses) or False,
            space_id=space_id,
            user_id=user_id,
        )

    def _page(self, query: Mapping[str, str], what: str) -> Page:
        return read_page(query, default_limit=self._options.page_default, what=what)

    def _require_organization(self, organization_id: str) -> None:
        require_id(organization_id, "org_id")
        if self._directory.find_organization(organization_id) is None:
            raise Problem(self._dialect.unknown_organization, "There is no such organization.")


def _query(request: Request, known: frozenset[str]) -> Mapping[str, str]:
    """Return the query parameters. Raises Problem 400 for one that this generation doesn't know."""
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise Problem(400, f"{unknown[0].encode('ascii', 'replace').decode()} is not a parameter of this request.")
    return dict(request.query_params)


def _name_filter(query: Mapping[str, str]) -> str:
    name = query.get("name", "")
    if len(name) > _LONGEST_NAME_FILTER:
        raise Problem(400, f"name must be at most {_LONGEST_NAME_FILTER} characters long.")
    return name


def _word(query: Mapping[str, str], name: str, words: Mapping[str, _T]) -> _T | None:
    if name not in query:
        return None
    if query[name] not in words:
        raise Problem(400, f"{name} must be one of {', '.join(words)}.")
    return words[query[name]]
