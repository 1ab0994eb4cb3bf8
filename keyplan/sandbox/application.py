"""One sandbox put together: state, seeds, laws, endpoints, gate.

In: options, and a way to close a connection. Out: an ASGI application and the credentials. Never: a socket.
"""

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

from keyplan.sandbox.alpha import ALPHA
from keyplan.sandbox.api import Api
from keyplan.sandbox.beta import BETA
from keyplan.sandbox.control import CLOCK_OFFSET, Control
from keyplan.sandbox.database import Database
from keyplan.sandbox.dialects import Dialect
from keyplan.sandbox.directory import Directory
from keyplan.sandbox.faults import FaultPlan
from keyplan.sandbox.gate import Gate, HangUp
from keyplan.sandbox.journal import Journal
from keyplan.sandbox.keyring import Keyring
from keyplan.sandbox.limiting import Bucket
from keyplan.sandbox.options import SandboxError, SandboxOptions
from keyplan.sandbox.problems import MEDIA_TYPE, Problem, problem_body
from keyplan.sandbox.seeds import Credentials, plant
from keyplan.sandbox.store import KeyStore
from keyplan.sandbox.times import SandboxClock

_DIALECTS: Mapping[str, Dialect] = MappingProxyType({"alpha": ALPHA, "beta": BETA})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A sandbox that is ready to be served."""

    app: ASGIApp
    credentials: Credentials
    database: Database
    """To be closed by whoever opened the sandbox."""


def open_sandbox(options: SandboxOptions, *, hang_up: HangUp) -> Sandbox:
    """Open the state, plant the seeds where it is new, and return the application over it.

    Raises SandboxError where the state or the credential is unusable.
    """
    database = Database.open(options.state)
    try:
        return _assemble(database, options, hang_up)
    except SandboxError:
        database.close()
        raise


def _assemble(database: Database, options: SandboxOptions, hang_up: HangUp) -> Sandbox:
    directory, store, dialect = Directory(database), KeyStore(database), _DIALECTS[options.api]
    clock = SandboxClock(offset=timedelta(seconds=float(directory.recall(CLOCK_OFFSET) or 0)))
    credentials = plant(directory, store, options, clock.now())
    keyring = Keyring(store, clock, options, dialect)
    journal, faults = Journal(), FaultPlan()
    control = Control(keyring=keyring, store=store, directory=directory, clock=clock, journal=journal, faults=faults)
    app = Starlette(
        routes=[*Api(keyring, directory, options, dialect).routes(), *control.routes()],
        exception_handlers=_handlers(dialect),
    )
    gate = Gate(
        app,
        options=options,
        problem_types=dialect.problem_types,
        clock=clock,
        journal=journal,
        faults=faults,
        bucket=Bucket(options.rate_limit, time.monotonic) if options.rate_limit else None,
        hang_up=hang_up,
    )
    return Sandbox(app=gate, credentials=credentials, database=database)


def _handlers(dialect: Dialect) -> Mapping[object, ExceptionHandler]:
    """Return what writes refusals, and the framework's own 404 and 405, as problem documents."""

    def write(status: int, detail: str, headers: Mapping[str, str] | None) -> Response:
        body = problem_body(status, detail, type_base=dialect.problem_types)
        return Response(body, status_code=status, headers=headers, media_type=MEDIA_TYPE)

    async def refuse(_request: Request, error: Problem) -> Response:
        return write(error.status, error.detail, error.headers)

    async def miss(_request: Request, error: HTTPException) -> Response:
        return write(error.status_code, f"{error.detail}.", error.headers)

    return {Problem: cast("ExceptionHandler", refuse), HTTPException: cast("ExceptionHandler", miss)}
