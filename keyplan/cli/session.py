"""What one run of the command line has of the process around it, handed to every command as `ctx.obj`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from keyplan.cli.screen import Screen
from keyplan.cli.signals import Interrupts

if TYPE_CHECKING:
    from keyplan.app.wiring import Wiring


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run: its environment, folder, streams, signals, and the way to ports. Tests hand in another."""

    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    """Working directory, absolute; relative paths of the command line start here."""
    screen: Screen
    interrupts: Interrupts
    read_stdin: Callable[[int], bytes]
    """Return up to so many bytes of standard input."""
    wire: Callable[[Mapping[str, str], Callable[[str], None]], Wiring]
    """Return the way to ports, given an environment and something that tells the user a line."""

    @property
    def wiring(self) -> Wiring:
        """The way to ports in this session's environment."""
        return self.wire(self.environment, self.screen.say)

    def show_trace(self, trace: str) -> None:
        """Show the calls that led to a bug, if the user asks for them with KEYPLAN_DEBUG=1."""
        if trace and self.environment.get("KEYPLAN_DEBUG") == "1":
            self.screen.say(trace)
