"""The control endpoints under `/_sandbox/`: faults, clock, request log, all keys, and checking a raw key.

They need no credential, because the server is on loopback and its keys are worth nothing. No response shows a raw key.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from keyplan.sandbox.account import Account
from keyplan.sandbox.bodies import RequestBody
from keyplan.sandbox.directory import Directory
from keyplan.sandbox.faults import read_rule, show_rule
from keyplan.sandbox.formats import format_instant
from keyplan.sandbox.generations import require_organization
from keyplan.sandbox.middleware import Controls
from keyplan.sandbox.records import Key
from keyplan.sandbox.responses import ProblemError
from keyplan.sandbox.store import KeyStore

CLOCK_OFFSET = "clock_offset_seconds"
_MAX_TEXT_LENGTH = 1000
_MAX_SECONDS = 320_000_000_000
"""About 10,000 years; the calendar ends before that, and `SandboxClock.advance` refuses to leave it."""


class Control:
    """The control endpoints of one sandbox."""

    def __init__(
        self,
        *,
        account: Account,
        store: KeyStore,
        directory: Directory,
        controls: Controls,
    ) -> None:
        self._account = account
        self._store = store
        self._directory = directory
        self._clock = controls.clock
        self._request_log = controls.request_log
        self._faults = controls.faults

    def routes(self) -> list[BaseRoute]:
        """Return the control routes."""
        return [
            Route("/_sandbox/faults", self.show_faults, methods=["GET"]),
            Route("/_sandbox/faults", self.add_faults, methods=["POST"]),
            Route("/_sandbox/faults", self.clear_faults, methods=["DELETE"]),
            Route("/_sandbox/clock", self.show_clock, methods=["GET"]),
            Route("/_sandbox/clock", self.advance_clock, methods=["POST"]),
            Route("/_sandbox/requests", self.show_requests, methods=["GET"]),
            Route("/_sandbox/keys", self.show_keys, methods=["GET"]),
            Route("/_sandbox/check", self.check_key, methods=["POST"]),
            Route("/_sandbox/spaces", self.add_space, methods=["POST"]),
        ]

    async def show_faults(self, _request: Request) -> Response:
        """Answer with the active rules and how many requests each has matched."""
        return JSONResponse({"faults": [show_rule(rule) for rule in self._faults.rules]})

    async def add_faults(self, request: Request) -> Response:
        """Activate the rules of `faults`."""
        body = RequestBody.parse(await request.body())
        body.allow_only("faults")
        self._faults.add([read_rule(each) for each in body.objects("faults")])
        return await self.show_faults(request)

    async def clear_faults(self, _request: Request) -> Response:
        """Remove all rules."""
        self._faults.clear()
        return Response(status_code=204)

    async def show_clock(self, _request: Request) -> Response:
        """Answer with the sandbox's time and how far it is ahead of real time."""
        ahead = self._clock.offset.total_seconds()
        return JSONResponse({"now": format_instant(self._clock.now()), "ahead_seconds": ahead})

    async def advance_clock(self, request: Request) -> Response:
        """Move the clock by `advance_seconds`; a state file keeps the offset."""
        body = RequestBody.parse(await request.body())
        body.allow_only("advance_seconds")
        seconds = body.optional_number("advance_seconds", lowest=-_MAX_SECONDS, highest=_MAX_SECONDS)
        try:
            self._clock.advance(timedelta(seconds=seconds or 0))
        except OverflowError:
            raise ProblemError(400, "advance_seconds leads outside the calendar.") from None
        # Stored, because expiries in the state are in the sandbox's time.
        self._directory.remember(CLOCK_OFFSET, repr(self._clock.offset.total_seconds()))
        return await self.show_clock(request)

    async def show_requests(self, request: Request) -> Response:
        """Answer with the requests so far, or those numbered above `after`."""
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdecimal()):
            raise ProblemError(400, "after must be a whole number.")
        # Cut to 18 digits: no log gets that long, and int() of a huge text takes long.
        entries = self._request_log.entries(after=int(after[:18]))
        return JSONResponse({"count": self._request_log.count, "requests": [asdict(entry) for entry in entries]})

    async def show_keys(self, _request: Request) -> Response:
        """Answer with all keys, including dead, expired and not yet listed ones."""
        return JSONResponse({"keys": [self._show(key) for key in self._store.all()]})

    async def check_key(self, request: Request) -> Response:
        """Say whether a raw key works, and of which key it is; `last_used_at` does not change."""
        body = RequestBody.parse(await request.body())
        body.allow_only("key")
        found = self._account.check(body.text("key", longest=_MAX_TEXT_LENGTH))
        return JSONResponse({"id": found.id if found else None, "valid": found is not None})

    async def add_space(self, request: Request) -> Response:
        """Create a space `name` in `organization_id`; another organization may have a space of that name."""
        body = RequestBody.parse(await request.body())
        body.allow_only("name", "organization_id")
        organization = require_organization(self._directory, body.text("organization_id", longest=_MAX_TEXT_LENGTH))
        space = self._directory.add_space(
            body.text("name", longest=_MAX_TEXT_LENGTH),
            organization_id=organization.id,
            description="",
            created_at=self._clock.now(),
        )
        return JSONResponse({"id": space.id}, status_code=201)

    def _show(self, key: Key) -> dict[str, object]:
        return {
            "id": key.id,
            "name": key.name,
            "description": key.description,
            "key_type": key.kind,
            "redacted_key": key.redacted,
            "created_at": format_instant(key.created_at),
            "created_by_user_id": key.created_by,
            "expires_at": format_instant(key.expires_at) if key.expires_at else None,
            "last_used_at": format_instant(key.last_used_at) if key.last_used_at else None,
            "space_ids": list(key.bot.grants.space_ids) if key.bot else [],
            "is_dead": key.is_dead,
            "is_live": not key.is_dead and not key.has_expired(self._clock.now()),
        }
