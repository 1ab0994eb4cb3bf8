"""The two streams of a run: stdout for the answer, stderr for messages.

No write may raise: an apply must not end halfway because its reader closed a pipe.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from threading import RLock
from typing import Protocol, TextIO
from zoneinfo import ZoneInfo

from keyplan.renderers.style import ANSI, ANSI_256, PLAIN, Palette, Reader, Style

_DEFAULT_WIDTH = 80
_PATIENCE = 1.0
"""Seconds that a line waits for another one."""
_FORCED = {"2": ANSI_256, "3": ANSI_256}
"""Palettes that FORCE_COLOR asks for by number, as supports-color reads it; any other number stands for 16 colours."""


class LiveDisplay(Protocol):
    """Something that redraws the last lines of a terminal."""

    def start(self) -> None:
        """Draw it."""
        ...

    def stop(self) -> None:
        """Take it off the terminal."""
        ...


class Screen:
    """Where a run writes, and where it may ask; knows what the streams can do."""

    def __init__(
        self, *, stdin: TextIO | None, stdout: TextIO | None, stderr: TextIO | None, environment: Mapping[str, str]
    ) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = stderr
        self._environment = environment
        self._display: LiveDisplay | None = None
        # Reentrant: a signal handler may say something while the same thread does.
        self._turn = RLock()
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

    def choose_style(self, *, now: datetime | None = None, is_verbose: bool = False) -> Style:
        """Return how an answer on stdout looks; the reader of a terminal gets distances from `now`."""
        return self._choose_style(self._stdout, self.palette, now, is_verbose=is_verbose)

    def choose_talk_style(self, *, now: datetime | None = None, is_verbose: bool = False) -> Style:
        """Return how a text on stderr looks."""
        return self._choose_style(self._stderr, self.talk_palette, now, is_verbose=is_verbose)

    @contextmanager
    def showing(self, display: LiveDisplay) -> Iterator[None]:
        """Show a live display on stderr during the block; whatever is written meanwhile stands above it, whole."""
        with self._turn:
            self._display = display
            display.start()
        try:
            yield
        finally:
            with self._turn:
                self._display = None
                display.stop()

    @property
    def talk(self) -> TextIO | None:
        """The stream of the talk, for what draws on it; None if there is no talk."""
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
            with self._aside():
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
            with self._aside():
                stderr.write(text if text.endswith("\n") else f"{text}\n")
                stderr.flush()
        except (OSError, ValueError):
            # What stays in the buffer would fail again when the interpreter ends, and become its exit status.
            self._stderr = None
            _abandon(stderr)

    def ask(self, question: str) -> str:
        """Return what the user types after a question on stderr; empty at the end of input."""
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

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Take the live display off the terminal during the block, or a line would be written into it."""
        # Not forever: a signal handler may have stopped the thread for which another one waits with this lock.
        has_turn = self._turn.acquire(timeout=_PATIENCE)
        display, self._display = (self._display, None) if has_turn else (None, self._display)
        try:
            if display:
                display.stop()
            yield
        finally:
            if display:
                display.start()
                self._display = display
            if has_turn:
                self._turn.release()

    def _choose_style(
        self, stream: TextIO | None, palette: Palette, now: datetime | None, *, is_verbose: bool
    ) -> Style:
        if not _is_terminal(stream):
            return Style(palette=palette, is_verbose=is_verbose)
        return Style(
            palette=palette,
            width=self._measure_width(stream),
            is_verbose=is_verbose,
            reader=Reader(now=now, to_local=self._to_local) if now else None,
        )

    def _measure_width(self, stream: TextIO | None) -> int:
        """Return the columns of a terminal; COLUMNS is stronger, as in shutil.get_terminal_size."""
        given = self._environment.get("COLUMNS", "")
        if given.isascii() and given.isdigit() and int(given[:6]):
            return int(given[:6])
        with suppress(OSError, ValueError, AttributeError):
            return os.get_terminal_size(stream.fileno()).columns or _DEFAULT_WIDTH  # type: ignore[union-attr]  # suppressed
        return _DEFAULT_WIDTH

    def _to_local(self, instant: datetime) -> datetime:
        """Return an instant in the zone that TZ names, else in the machine's own."""
        name = self._environment.get("TZ", "").removeprefix(":")
        if name:
            with suppress(OSError, ValueError, KeyError):
                return instant.astimezone(ZoneInfo(name))
        return instant.astimezone()

    @property
    def _is_interactive(self) -> bool:
        return not self._environment.get("CI") and self._environment.get("TERM") != "dumb"

    def _choose_palette(self, stream: TextIO | None) -> Palette:
        """Return colours as the conventions of no-color.org and force-color.org ask; no is stronger."""
        if self._environment.get("NO_COLOR") or self._environment.get("TERM") == "dumb":
            return PLAIN
        forced = self._environment.get("FORCE_COLOR", "0")
        if forced not in ("", "0"):
            return _FORCED.get(forced, ANSI)
        if not _is_terminal(stream):
            return PLAIN
        is_rich = self._environment.get("TERM", "").endswith("256color") or self._environment.get("COLORTERM")
        return ANSI_256 if is_rich else ANSI


def _abandon(stream: TextIO) -> None:
    """Discard what is still buffered; otherwise the interpreter complains about it when it ends.

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
