"""The two streams of a run: stdout for the answer, stderr for messages.

No write may raise: an apply must not end halfway because its reader closed a pipe.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TextIO

from keyplan.renderers.style import ANSI, PLAIN, Palette


class Screen:
    """Where a run writes, and where it may ask; knows what the streams can do."""

    def __init__(
        self, *, stdin: TextIO | None, stdout: TextIO | None, stderr: TextIO | None, environment: Mapping[str, str]
    ) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = stderr
        self._environment = environment
        self.has_answered = False
        """Whether anything was written as the answer."""
        self.failure: str | None = None
        """Why the answer could not be written; None while it could, or while its reader was gone."""

    @property
    def palette(self) -> Palette:
        """Colours for the answer."""
        return self._choose_palette(self._stdout)

    @property
    def talk_palette(self) -> Palette:
        """Colours for the talk."""
        return self._choose_palette(self._stderr)

    @property
    def talk(self) -> TextIO | None:
        """The stream of the talk, for what draws on it; None where there is none."""
        return self._stderr

    @property
    def shows_progress(self) -> bool:
        """Whether a changing line makes sense: a terminal on stderr, and no CI."""
        return _is_terminal(self._stderr) and self._is_interactive

    @property
    def can_ask(self) -> bool:
        """Whether a user can read a question and answer it."""
        return _is_terminal(self._stdin) and _is_terminal(self._stderr) and not self._environment.get("CI")

    def answer(self, text: str) -> None:
        """Write a piece of the answer to stdout. Never raises: see `failure`."""
        stdout = self._stdout
        self.has_answered = self.has_answered or bool(text)
        if stdout is None:
            return
        try:
            stdout.write(text)
            stdout.flush()
        except (OSError, ValueError) as error:
            if not isinstance(error, BrokenPipeError):
                self.failure = getattr(error, "strerror", None) or "it is closed"
            self._stdout = None
            _abandon(stdout)

    def say(self, text: str) -> None:
        """Write a line of talk to stderr. Never raises."""
        stderr = self._stderr
        if stderr is None:
            return
        try:
            stderr.write(text if text.endswith("\n") else f"{text}\n")
            stderr.flush()
        except (OSError, ValueError):
            # What stays in the buffer would fail again when the interpreter ends, and become its exit status.
            self._stderr = None
            _abandon(stderr)

    def ask(self, question: str) -> str:
        """Return what a person types after a question on stderr; empty at the end of input."""
        if self._stdin is None or self._stderr is None:
            return ""
        with suppress(OSError, ValueError):
            self._stderr.write(question)
            self._stderr.flush()
            return self._stdin.readline().strip()
        return ""

    @contextmanager
    def asking_at_terminal(self) -> Iterator[None]:
        """Let `ask` read from the terminal itself during the block, if stdin is something else and there is one."""
        former = self._stdin
        if _is_terminal(former):
            yield
            return
        with ExitStack() as stack:
            with suppress(OSError):
                self._stdin = stack.enter_context(open("/dev/tty", encoding="utf-8", errors="replace"))  # noqa: PTH123 - a device
            try:
                yield
            finally:
                self._stdin = former

    @property
    def _is_interactive(self) -> bool:
        return not self._environment.get("CI") and self._environment.get("TERM") != "dumb"

    def _choose_palette(self, stream: TextIO | None) -> Palette:
        """Return colours as the conventions of no-color.org and force-color.org ask; no is stronger."""
        if self._environment.get("NO_COLOR") or self._environment.get("TERM") == "dumb":
            return PLAIN
        if self._environment.get("FORCE_COLOR", "0") not in ("", "0"):
            return ANSI
        return ANSI if _is_terminal(stream) else PLAIN


def _abandon(stream: TextIO) -> None:
    """Send what is still buffered nowhere, or the interpreter complains of it when it ends.

    Python's documentation of SIGPIPE (library: signal) has this recipe.
    """
    with suppress(OSError, ValueError):
        descriptor = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # the stream is closed
        return False
