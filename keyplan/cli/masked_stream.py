"""Standard output and standard error of the process, through which no secret gets, whatever code writes to them.

They stand in the place of `sys.stdout` and `sys.stderr`, because warnings, loggers and the interpreter's own tracebacks
write there without asking keyplan.
"""

from __future__ import annotations

from threading import RLock
from typing import Any, TextIO, cast

from keyplan.model.mask import hide


class MaskedStream:
    """Implements a text stream with another one. A line is written when it is whole, or when it is flushed.

    A line at a time, because a secret that is written in two pieces would be found in neither.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._held = ""
        # Reentrant: a signal handler or a destructor may write while a write is under way.
        self._turn = RLock()

    def write(self, text: str) -> int:
        """Take a text; raises what the stream raises."""
        with self._turn:
            whole, line_break, rest = (self._held + text).rpartition("\n")
            self._held = rest
            if line_break:
                self._stream.write(hide(f"{whole}\n"))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Take several texts."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Write what is held back, too."""
        with self._turn:
            held, self._held = self._held, ""
            if held:
                self._stream.write(hide(held))
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def mask_stream(stream: TextIO) -> TextIO:
    """Return a stream with the mask before it."""
    return cast("TextIO", MaskedStream(stream))
