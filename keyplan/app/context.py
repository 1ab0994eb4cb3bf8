"""What a use case knows of the process around it: no stream, no terminal, no signal handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keyplan.app.layers import NO_LAYERS, Layers
from keyplan.app.wiring import Wiring
from keyplan.errors import KeyplanError
from keyplan.ports import Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """One run. The command line and the Python API each make one; tests make their own."""

    environment: Mapping[str, str] = field(repr=False)
    """Not shown, because it may hold a credential."""
    folder: Path
    """Working directory, absolute. Relative paths that the user gives start here."""
    read_stdin: Callable[[int], bytes]
    """Returns up to so many bytes of standard input."""
    wiring: Wiring
    stop: Stop
    """Whether the user asked the run to stop."""
    say: Callable[[str], None]
    """Gives the user one line that is not the answer, such as who is waited for. Never raises."""
    report_error: Callable[[KeyplanError], None]
    """Shows the user an error that does not end the run. Never raises."""
    follows_links: bool = True
    """Whether a search for manifests goes where links lead."""
    layers: Layers = NO_LAYERS
    """What is laid over every manifest."""
