"""What every request of the API passes on its way in and out: journal, latency, rate limit, faults, Date header.

In: ASGI requests. Out: the application's answers, or what a fault makes of them. Never: a look into a body or at a
credential; the control endpoints pass untouched.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from email.utils import format_datetime
from typing import assert_never

from starlette.types import ASGIApp, Receive, Scope, Send

from keyplan.sandbox.answers import Answer, collect, filled_answer, problem_answer
from keyplan.sandbox.faults import Action, FaultPlan, Rule, When
from keyplan.sandbox.journal import Entry, Journal
from keyplan.sandbox.limiting import Bucket
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.times import SandboxClock

CONTROL_PREFIX = "/_sandbox/"

HangUp = Callable[[Scope], None]
"""Closes the connection that a request came in on, after sending what is already on its way."""


class Gate:
    """Stands before the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        options: SandboxOptions,
        problem_types: str,
        clock: SandboxClock,
        journal: Journal,
        faults: FaultPlan,
        bucket: Bucket | None,
        hang_up: HangUp,
    ) -> None:
        self._app = app
        self._options = options
        self._problem_types = problem_types
        self._clock = clock
        self._journal = journal
        self._faults = faults
        self._bucket = bucket
        self._hang_up = hang_up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PREFIX):
            await self._app(scope, receive, send)
            return
        target = _target(scope)
        entry = self._journal.enter(scope["method"], target)
        await asyncio.sleep(self._options.latency.total_seconds())
        refusal = self._throttle()
        if refusal is not None:
            await self._send(entry, refusal, send)
            return
        rule = self._faults.judge(scope["method"], target)
        if rule is None:
            await self._send(entry, await collect(self._app, scope, receive), send)
            return
        entry.fault = rule.action
        await self._spoil(rule, entry, scope, receive, send)

    async def _spoil(self, rule: Rule, entry: Entry, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request go wrong as a rule says."""
        match rule.action:
            case Action.STATUS:
                await self._send(entry, await self._replaced(rule, scope, receive), send)
            case Action.DELAY:
                await self._send(entry, await self._late(rule, scope, receive), send)
            case Action.REWRITE:
                await self._send(entry, await self._rewritten(rule, scope, receive), send)
            case Action.DROP_BEFORE:
                await self._drop(scope, receive)
            case Action.DROP_AFTER:
                await collect(self._app, scope, receive)
                await self._drop(scope, receive)
            case Action.TRUNCATE:
                await self._cut(entry, scope, receive, send)
            case _:
                assert_never(rule.action)

    async def _replaced(self, rule: Rule, scope: Scope, receive: Receive) -> Answer:
        if rule.when is When.AFTER:
            await collect(self._app, scope, receive)
        headers = {} if rule.retry_after is None else {"retry-after": str(rule.retry_after)}
        return filled_answer(rule.status, rule.body, type_base=self._problem_types, headers=headers)

    async def _rewritten(self, rule: Rule, scope: Scope, receive: Receive) -> Answer:
        answer = await collect(self._app, scope, receive)
        return answer.rewritten(rule.pattern, rule.replacement) if rule.pattern else answer

    async def _cut(self, entry: Entry, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await collect(self._app, scope, receive)
        if answer.body:
            entry.status = answer.status
            await self._dated(answer).send_half(send)
        await self._drop(scope, receive)

    async def _late(self, rule: Rule, scope: Scope, receive: Receive) -> Answer:
        if rule.when is When.BEFORE:
            await asyncio.sleep(rule.seconds)
        answer = await collect(self._app, scope, receive)
        if rule.when is When.AFTER:
            await asyncio.sleep(rule.seconds)
        return answer

    async def _drop(self, scope: Scope, receive: Receive) -> None:
        self._hang_up(scope)
        # Returning before the server has noticed would make it answer 500 by itself.
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _send(self, entry: Entry, answer: Answer, send: Send) -> None:
        entry.status = answer.status
        await self._dated(answer).send(send)

    def _throttle(self) -> Answer | None:
        seconds = self._bucket.wait() if self._bucket else 0.0
        if not seconds:
            return None
        # docs/arize-api.md, A33: Retry-After is whole seconds, and may be missing.
        headers = {"retry-after": str(math.ceil(seconds))} if self._options.retry_after else {}
        return problem_answer(429, "Too many requests.", type_base=self._problem_types, headers=headers)

    def _dated(self, answer: Answer) -> Answer:
        date = format_datetime(self._clock.now(), usegmt=True).encode()
        return Answer(status=answer.status, headers=(*answer.headers, (b"date", date)), body=answer.body)


def _target(scope: Scope) -> str:
    """Return path and query as they were sent; the path is percent-encoded still where the server says so."""
    path = scope.get("raw_path") or scope["path"].encode()
    query = scope["query_string"]
    return str((path + b"?" + query if query else path).decode("latin-1"))
