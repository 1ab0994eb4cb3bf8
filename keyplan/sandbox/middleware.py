"""What each request of the API passes: request log, latency, rate limit, faults and the Date header.

It never looks into bodies or credentials, and the log holds neither; control endpoints pass untouched.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import format_datetime
from typing import assert_never

from starlette.types import ASGIApp, Receive, Scope, Send

from keyplan.sandbox.clock import SandboxClock
from keyplan.sandbox.faults import FaultAction, FaultBody, FaultPlan, FaultRule, FaultTiming
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.responses import BufferedResponse, collect, encode_headers, problem_response

CONTROL_PREFIX = "/_sandbox/"
_LOGGED_REQUESTS = 20_000
_NO_CONTENT = 204
_HTML = b"<html><head><title>Bad gateway</title></head><body><h1>Something went wrong</h1></body></html>"
_GARBAGE = b'{"key": "ak-'

CloseConnection = Callable[[Scope], None]
"""Closes the connection of a request, after sending what was already written to it."""


@dataclass(slots=True, kw_only=True)
class LoggedRequest:
    """One request; status and fault are filled in later."""

    number: int
    """Counted from 1."""
    method: str
    target: str
    """Path with query, as sent."""
    status: int | None = None
    """Status that was sent; None while the request is being handled, or if the connection was dropped."""
    fault: str | None = None
    """The fault that was applied to it."""


class RequestLog:
    """The last 20,000 requests."""

    def __init__(self) -> None:
        self._entries: deque[LoggedRequest] = deque(maxlen=_LOGGED_REQUESTS)
        self._count = 0

    @property
    def count(self) -> int:
        """How many requests have arrived since the start."""
        return self._count

    def add(self, method: str, target: str) -> LoggedRequest:
        """Log a request on arrival, and return its entry to be filled in."""
        # Counted apart from the entries, of which only the last ones are kept.
        self._count += 1
        entry = LoggedRequest(number=self._count, method=method, target=target)
        self._entries.append(entry)
        return entry

    def entries(self, *, after: int) -> tuple[LoggedRequest, ...]:
        """Return the entries still kept with numbers above `after`, oldest first."""
        return tuple(entry for entry in self._entries if entry.number > after)


class RateLimiter:
    """A token bucket: it admits bursts of one second's worth of requests, at least one."""

    def __init__(self, rate: float, steady_now: Callable[[], float]) -> None:
        self._rate = rate
        self._capacity = max(1.0, rate)
        self._steady_now = steady_now
        self._tokens = self._capacity
        self._filled_at = steady_now()

    def take(self) -> float:
        """Take a token and return 0; or take none and return the seconds until there is one."""
        # Filled on demand, so that no timer has to run.
        now = self._steady_now()
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The parts of a sandbox that the control endpoints show and change."""

    clock: SandboxClock
    request_log: RequestLog
    faults: FaultPlan


class Middleware:
    """An ASGI application around the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        options: SandboxOptions,
        problem_types: str,
        controls: Controls,
        limiter: RateLimiter | None,
        close_connection: CloseConnection,
    ) -> None:
        self._app = app
        self._options = options
        self._problem_types = problem_types
        self._controls = controls
        self._limiter = limiter
        self._close_connection = close_connection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
            await self._app(scope, receive, send)
            return
        target = _target(scope)
        # Logged before anything else: a dropped or refused request must show in the log too.
        entry = self._controls.request_log.add(scope["method"], target)
        await asyncio.sleep(self._options.latency.total_seconds())
        refusal = self._throttle()
        if refusal is not None:
            await self._send(entry, refusal, send)
            return
        # Throttled requests are not counted by fault rules, so a rule's `nth` is about requests that would be handled.
        rule = self._controls.faults.match(scope["method"], target)
        if rule is None:
            await self._send(entry, await collect(self._app, scope, receive), send)
            return
        # Noted before the fault, because a dropped request never comes back here.
        entry.fault = rule.action
        await self._apply_fault(rule, entry, scope, receive, send)

    async def _apply_fault(
        self, rule: FaultRule, entry: LoggedRequest, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Handle a request with the fault of a rule."""
        match rule.action:
            case FaultAction.STATUS:
                await self._send(entry, await self._replace(rule, scope, receive), send)
            case FaultAction.DELAY:
                await self._send(entry, await self._delay(rule, scope, receive), send)
            case FaultAction.REWRITE:
                await self._send(entry, await self._rewrite(rule, scope, receive), send)
            case FaultAction.DROP_BEFORE:
                await self._drop(scope, receive)
            # The case that clients handle worst: the effect happened, and they cannot know (docs/arize-api.md, A19).
            case FaultAction.DROP_AFTER:
                await collect(self._app, scope, receive)
                await self._drop(scope, receive)
            case FaultAction.TRUNCATE:
                await self._truncate(entry, scope, receive, send)
            case _:
                assert_never(rule.action)

    async def _replace(self, rule: FaultRule, scope: Scope, receive: Receive) -> BufferedResponse:
        if rule.when is FaultTiming.AFTER:
            await collect(self._app, scope, receive)
        return _fault_response(rule, type_base=self._problem_types)

    async def _rewrite(self, rule: FaultRule, scope: Scope, receive: Receive) -> BufferedResponse:
        response = await collect(self._app, scope, receive)
        return response.with_replaced(rule.pattern, rule.replacement) if rule.pattern else response

    async def _truncate(self, entry: LoggedRequest, scope: Scope, receive: Receive, send: Send) -> None:
        response = await collect(self._app, scope, receive)
        # A response without a body cannot be cut in half; then the connection is just closed.
        if response.body:
            entry.status = response.status
            await self._dated(response).send_half(send)
        await self._drop(scope, receive)

    async def _delay(self, rule: FaultRule, scope: Scope, receive: Receive) -> BufferedResponse:
        if rule.when is FaultTiming.BEFORE:
            await asyncio.sleep(rule.seconds)
        response = await collect(self._app, scope, receive)
        if rule.when is FaultTiming.AFTER:
            await asyncio.sleep(rule.seconds)
        return response

    async def _drop(self, scope: Scope, receive: Receive) -> None:
        self._close_connection(scope)
        # If this returned before the server has noticed, the server would send its own response 500.
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _send(self, entry: LoggedRequest, response: BufferedResponse, send: Send) -> None:
        entry.status = response.status
        await self._dated(response).send(send)

    def _throttle(self) -> BufferedResponse | None:
        seconds = self._limiter.take() if self._limiter else 0.0
        if not seconds:
            return None
        # Rounded up: a client that waited less would be refused again.
        # Retry-After is in whole seconds, and may be missing (docs/arize-api.md, A33).
        headers = {"retry-after": str(math.ceil(seconds))} if self._options.retry_after else {}
        return problem_response(429, "Too many requests.", type_base=self._problem_types, headers=headers)

    def _dated(self, response: BufferedResponse) -> BufferedResponse:
        date = format_datetime(self._controls.clock.now(), usegmt=True).encode()
        return replace(response, headers=(*response.headers, (b"date", date)))


def _target(scope: Scope) -> str:
    """Return path and query as they were sent, still percent-encoded if the server provides the raw path."""
    path = scope.get("raw_path") or scope["path"].encode()
    query = scope["query_string"]
    # latin-1 maps every byte to a character, so no request line can fail to be logged.
    return str((path + b"?" + query if query else path).decode("latin-1"))


def _fault_response(rule: FaultRule, *, type_base: str) -> BufferedResponse:
    """Return the response of a `status` fault."""
    headers = {} if rule.retry_after is None else {"retry-after": str(rule.retry_after)}
    if rule.status == _NO_CONTENT:
        # A 204 never has a body (RFC 9110 15.3.5); a client would read it as the start of the next response.
        return BufferedResponse(status=rule.status, headers=encode_headers(headers), body=b"")
    match rule.body:
        case FaultBody.PROBLEM:
            detail = "A fault was ordered for this request."
            return problem_response(rule.status, detail, type_base=type_base, headers=headers)
        case FaultBody.HTML:
            return BufferedResponse.of(rule.status, "text/html; charset=utf-8", _HTML, headers)
        case FaultBody.EMPTY:
            return BufferedResponse.of(rule.status, "application/json", b"", headers)
        case FaultBody.GARBAGE:
            return BufferedResponse.of(rule.status, "application/json", _GARBAGE, headers)
        case _:
            assert_never(rule.body)
