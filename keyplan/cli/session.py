"""What one run of the command line has of the process around it, handed to every command as `ctx.obj`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from keyplan.app.layers import NO_LAYERS, Layers
from keyplan.cli.screen import Screen
from keyplan.cli.signals import Interrupts
from keyplan.errors import KeyplanError
from keyplan.renderers.text.problems import render_error

if TYPE_CHECKING:
    from keyplan.app.context import RunContext
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
    """Return the way to ports, given an environment and a function that shows the user a line."""
    layers: Layers = NO_LAYERS
    """What the command lays over every manifest that it reads."""
    _kept: list[object] = field(default_factory=list, repr=False)

    def keep(self, *results: object) -> None:
        """Keep large results until the process ends: to let go of 10,000 actions one by one takes 60 ms."""
        self._kept.extend(results)

    @property
    def context(self) -> RunContext:
        """What use cases get of this session. Ask once per command: each time it has another wiring."""
        from keyplan.app.context import RunContext  # noqa: PLC0415 - its import takes 50 ms, which help and version spare

        return RunContext(
            environment=self.environment,
            folder=self.folder,
            read_stdin=self.read_stdin,
            wiring=self.wire(self.environment, self.screen.say),
            stop=self.interrupts,
            say=self.screen.say,
            report_error=self._report_error,
            layers=self.layers,
        )

    def _report_error(self, error: KeyplanError) -> None:
        self.screen.say(render_error(error, self.screen.talk_palette))

    def show_trace(self, trace: str) -> None:
        """Show the calls that led to a bug, if the user asks for them with KEYPLAN_DEBUG=1."""
        if trace and self.environment.get("KEYPLAN_DEBUG") == "1":
            self.screen.say(trace)
