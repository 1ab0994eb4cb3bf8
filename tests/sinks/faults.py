"""Answers that a fake gives instead of the right ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


@dataclass(frozen=True)
class Fault:
    """One wrong answer; a text as body is sent as it is, anything else as JSON."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = field(default_factory=lambda: {"message": "out of order"})
    method: str = ""
    """Only for this method; empty: for any."""
    path: str = ""
    """Only for paths that end so."""
    is_late: bool = False
    """Whether the request has its effect before."""


class Faults(deque[Fault]):
    """Wrong answers, each given once, in order."""

    def take(self, request: Request, *, is_late: bool = False) -> Response | None:
        """Return the next answer that fits a request; None where none does."""
        for fault in self:
            fits = fault.method in ("", request.method) and request.url.path.endswith(fault.path)
            if fits and fault.is_late is is_late:
                self.remove(fault)
                if isinstance(fault.body, str):
                    return Response(fault.body, fault.status, dict(fault.headers), "application/json")
                return JSONResponse(fault.body, fault.status, dict(fault.headers))
        return None
