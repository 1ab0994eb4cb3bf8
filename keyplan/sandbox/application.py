"""Puts one sandbox together as an ASGI application: state, seeds, account, endpoints, middleware. Opens no socket."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, ExceptionHandler

from keyplan.sandbox.account import Account
from keyplan.sandbox.alpha import ALPHA
from keyplan.sandbox.api import Api
from keyplan.sandbox.audit import AuditTrail
from keyplan.sandbox.beta import BETA
from keyplan.sandbox.clock import SandboxClock
from keyplan.sandbox.control import CLOCK_OFFSET, Control
from keyplan.sandbox.database import Database
from keyplan.sandbox.directory import Directory
from keyplan.sandbox.faults import FaultPlan
from keyplan.sandbox.generations import Generation
from keyplan.sandbox.middleware import CloseConnection, Controls, Middleware, RateLimiter, RequestLog
from keyplan.sandbox.options import SandboxError, SandboxOptions
from keyplan.sandbox.responses import MEDIA_TYPE, ProblemError, problem_body
from keyplan.sandbox.seeds import Credentials, seed
from keyplan.sandbox.store import KeyStore

_GENERATIONS: Mapping[str, Generation] = MappingProxyType({"alpha": ALPHA, "beta": BETA})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A sandbox that is ready to be served."""

    app: ASGIApp
    credentials: Credentials
    database: Database
    """The caller of `open_sandbox` closes it."""


def open_sandbox(options: SandboxOptions, *, close_connection: CloseConnection) -> Sandbox:
    """Open the state, fill it if it is new, and return the application on it.

    Raises:
        SandboxError: The state file or the credential cannot be used.
    """
    database = Database.open(options.state)
    # An error must not leave the file locked by a connection that nothing closes.
    try:
        return _assemble(database, options, close_connection)
    except SandboxError:
        database.close()
        raise


def _assemble(database: Database, options: SandboxOptions, close_connection: CloseConnection) -> Sandbox:
    directory, store, generation = Directory(database), KeyStore(database), _GENERATIONS[options.api]
    # The state remembers how far the clock was moved: expiries in it are in the sandbox's time.
    clock = SandboxClock(offset=timedelta(seconds=float(directory.recall(CLOCK_OFFSET) or 0)))
    credentials = seed(directory, store, options, clock.now())
    account = Account(store, clock, options, generation)
    controls = Controls(clock=clock, request_log=RequestLog(), faults=FaultPlan())
    control = Control(account=account, store=store, directory=directory, controls=controls)
    api = Api(account, directory, AuditTrail(database), clock=clock, options=options, generation=generation)
    app = Starlette(
        routes=[*api.routes(), *control.routes()],
        exception_handlers=_handlers(generation),
    )
    middleware = Middleware(
        app,
        options=options,
        problem_types=generation.problem_types,
        controls=controls,
        # Real time, not the sandbox's clock: moving the clock by a day must not fill the bucket.
        limiter=RateLimiter(options.rate_limit, time.monotonic) if options.rate_limit else None,
        close_connection=close_connection,
    )
    return Sandbox(app=middleware, credentials=credentials, database=database)


def _handlers(generation: Generation) -> Mapping[object, ExceptionHandler]:
    """Return the handlers that write refusals, and the framework's own 404 and 405, as problem documents."""

    def write(status: int, detail: str, headers: Mapping[str, str] | None) -> Response:
        body = problem_body(status, detail, type_base=generation.problem_types)
        return Response(body, status_code=status, headers=headers, media_type=MEDIA_TYPE)

    async def refuse(_request: Request, error: ProblemError) -> Response:
        return write(error.status, error.detail, error.headers)

    async def miss(_request: Request, error: HTTPException) -> Response:
        return write(error.status_code, f"{error.detail}.", error.headers)

    return {ProblemError: cast("ExceptionHandler", refuse), HTTPException: cast("ExceptionHandler", miss)}
