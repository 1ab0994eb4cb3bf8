"""The control endpoints under `/_sandbox/`: faults, clock, request log, every key, whether a raw key works.

In: HTTP requests without any credential, since the server is on loopback and holds nothing of worth. Out: JSON. Never:
a raw key in an answer.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from keyplan.sandbox.bodies import Body
from keyplan.sandbox.dialects import wanted_organization
from keyplan.sandbox.directory import Directory
from keyplan.sandbox.faults import FaultPlan, read_rule, show_rule
from keyplan.sandbox.journal import Journal
from keyplan.sandbox.keyring import Keyring
from keyplan.sandbox.problems import Problem
from keyplan.sandbox.records import Key
from keyplan.sandbox.store import KeyStore
from keyplan.sandbox.times import SandboxClock, format_instant

CLOCK_OFFSET = "clock_offset_seconds"
_LONGEST_TEXT = 1000
_MOST_SECONDS = 320_000_000_000


class Control:
    """The control endpoints of one sandbox."""

    def __init__(
        self,
        *,
        keyring: Keyring,
        store: KeyStore,
        directory: Directory,
        clock: SandboxClock,
        journal: Journal,
        faults: FaultPlan,
    ) -> None:
        self._keyring = keyring
        self._store = store
        self._directory = directory
        self._clock = clock
        self._journal = journal
        self._faults = faults

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
        """Answer with the rules in force and how many requests each has seen."""
        return JSONResponse({"faults": [show_rule(rule) for rule in self._faults.rules]})

    async def add_faults(self, request: Request) -> Response:
        """Put the rules of `faults` in force."""
        body = Body.parse(await request.body())
        body.allow("faults")
        self._faults.add([read_rule(each) for each in body.objects("faults")])
        return await self.show_faults(request)

    async def clear_faults(self, _request: Request) -> Response:
        """Lift all rules."""
        self._faults.clear()
        return Response(status_code=204)

    async def show_clock(self, _request: Request) -> Response:
        """Answer with the sandbox's time and how far it is ahead."""
        ahead = self._clock.offset.total_seconds()
        return JSONResponse({"now": format_instant(self._clock.now()), "ahead_seconds": ahead})

    async def advance_clock(self, request: Request) -> Response:
        """Move the clock by `advance_seconds`; a state file remembers it."""
        body = Body.parse(await request.body())
        body.allow("advance_seconds")
        seconds = body.optional_number("advance_seconds", lowest=-_MOST_SECONDS, highest=_MOST_SECONDS)
        try:
            self._clock.advance(timedelta(seconds=seconds or 0))
        except OverflowError:
            raise Problem(400, "advance_seconds leads outside the calendar.") from None
        self._directory.remember(CLOCK_OFFSET, repr(self._clock.offset.total_seconds()))
        return await self.show_clock(request)

    async def show_requests(self, request: Request) -> Response:
        """Answer with the requests so far, or those numbered above `after`."""
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdecimal()):
            raise Problem(400, "after must be a whole number.")
        entries = self._journal.entries(after=int(after[:18]))
        return JSONResponse({"count": self._journal.count, "requests": [asdict(entry) for entry in entries]})

    async def show_keys(self, _request: Request) -> Response:
        """Answer with every key: dead, expired and not yet listed ones too."""
        return JSONResponse({"keys": [self._show(key) for key in self._store.all()]})

    async def check_key(self, request: Request) -> Response:
        """Say whether a raw key authenticates, and as which key; this is no use of it."""
        body = Body.parse(await request.body())
        body.allow("key")
        found = self._keyring.check(body.text("key", longest=_LONGEST_TEXT))
        return JSONResponse({"id": found.id if found else None, "valid": found is not None})

    async def add_space(self, request: Request) -> Response:
        """Make a space `name` in `organization_id`; the name may exist elsewhere."""
        body = Body.parse(await request.body())
        body.allow("name", "organization_id")
        organization = wanted_organization(self._directory, body.text("organization_id", longest=_LONGEST_TEXT))
        space = self._directory.add_space(
            body.text("name", longest=_LONGEST_TEXT),
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
