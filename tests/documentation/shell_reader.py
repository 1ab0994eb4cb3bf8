"""A user who types the shell blocks of a page at a terminal, in an empty folder beside a sandbox."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from documentation.pages import File, HandMade, Reader, Typed, drop_notice, find_steps
from documentation.shell_blocks import Block, Command, find_blocks, read_page
from documentation.shell_rows import ROWS, Here
from e2e.terminal import Terminal

_BOUND_SECONDS = 60
_INSTALLATION_SECONDS = 600
_OF_THE_SHELL = frozenset({"PWD", "OLDPWD", "SHLVL", "_"})
_READY = {
    "keyplan watch": re.compile(r"metrics on (?P<address>\S+?:\d+)"),
    "keyplan sandbox": re.compile(r"Sandbox of the Arize API \(\w+\) at http://(?P<address>\S+)"),
}
"""Commands that stay until they are ended, and what each of them prints as soon as it answers requests."""

_RELOADED = re.compile(r"reading all manifests again.*read the manifest", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A command that stays until it is ended."""

    process: subprocess.Popen[bytes]
    log: Path
    address: str = ""

    def await_text(self, pattern: re.Pattern[str]) -> re.Match[str]:
        """Return what the command prints that fits, as soon as it does."""
        deadline = time.monotonic() + _BOUND_SECONDS
        while not (found := pattern.search(self.log.read_text())):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"it never printed {pattern.pattern}: {self.log.read_text()}"
            time.sleep(0.05)
        return found


class ShellReader(Reader):
    """Types each command of the blocks that a table says are followed here, and answers `yes` to every question.

    What one command exports or activates, the next one has. A command has to end with the exit status that its comment
    names, else with 0, and to say the counts that its comment promises.
    """

    def __init__(self, terminal: Terminal, how: Here = Here.NOW) -> None:
        """`how` says which commands of the table are typed."""
        super().__init__(terminal)
        self.how = how
        self.home = self.folder.parent / "home"
        self.home.mkdir(exist_ok=True)
        self.variables |= {"HOME": str(self.home), "TERM": "dumb", "NO_COLOR": "1", "KEYPLAN_LISTEN": "127.0.0.1:0"}
        self.running: list[Running] = []
        self.said: list[str] = []
        """What each command printed."""

    def follow_page(
        self,
        page: str,
        *,
        replaced: Mapping[str, str] | None = None,
        before: Mapping[str, Callable[[], object]] | None = None,
    ) -> None:
        """Follow every block of a page.

        The texts of `replaced` are replaced in all of it, and each of them has to be there. What `before` has for a
        block, by its name, is what the page has the user do first: in words, or on another page.
        """
        text = read_page(page)
        blocks = list(find_blocks(page, text))
        for old, new in (replaced or {}).items():
            assert old in text, f"{page} has no {old!r} to replace"
            text = text.replace(old, new)
        steps = [(place, step) for place, step in find_steps(text) if _prepares(step)]
        typed = zip(blocks, find_blocks(page, text), strict=True)
        everything = [*steps, *((block.place, (original, block)) for original, block in typed)]
        waiting = dict(before or {})
        for _, step in sorted(everything, key=lambda each: each[0]):
            if isinstance(step, tuple):
                waiting.pop(step[0].key, lambda: None)()
                self.follow_block(*step)
            else:
                self.follow(step)
        assert not waiting, f"{page} has no block named {sorted(waiting)}"

    def follow_block(self, original: Block, block: Block) -> None:
        """Write the file that a block is, or type its commands that the row of the original says are typed here."""
        rows = ROWS[original.page][original.key]
        if block.title and rows.get(block.title) is self.how:
            (self.folder / block.title).write_text(block.text)
        for asked, command in zip(original.commands, block.commands, strict=True):
            hows = {rows[program] for program in asked.programs}
            if self.how in (hows or rows.values()):
                assert hows <= {self.how}, f"{asked.text} is only in part followed here"
                self.type_command(command)

    def type_command(self, command: Command) -> None:
        """Type a command; raises AssertionError with what it said if that is not what the comment promises."""
        for begin, ready in _READY.items():
            if command.text.startswith(begin):
                self.end_running()
                self._begin(command, ready)
                return
        status, said = self._type_at_terminal(command)
        self.said.append(said)
        shown = f"$ {command.text}\n{said}\n(exit status {status})"
        assert status == command.exit_status, shown
        assert [claim for claim in command.claims if claim not in said] == [], shown
        if digest := re.search(r"^Digest of all: (\S+)", said, re.MULTILINE):
            self.variables["DIGEST"] = digest[1]

    def end_running(self) -> None:
        """End what still runs as a user or a service manager does; each has to end with 0."""
        while self.running:
            running = self.running.pop()
            running.process.send_signal(signal.SIGTERM)
            status = running.process.wait(_BOUND_SECONDS)
            assert status in (0, 128 + signal.SIGTERM), running.log.read_text()

    def reload_running(self) -> None:
        """Have each watch that runs read its files again; return as soon as the last one says so."""
        for running in self.running:
            running.process.send_signal(signal.SIGHUP)
            running.await_text(_RELOADED)

    def kill_running(self) -> None:
        """End what a failed test left behind."""
        for running in self.running:
            running.process.kill()
            running.process.wait(_BOUND_SECONDS)

    def _begin(self, command: Command, ready: re.Pattern[str]) -> None:
        log = self.folder.parent / f"log-{len(self.said)}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command.text}"],
                cwd=self.folder,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.running.append(Running(process=process, log=log))
        address = self.running[-1].await_text(ready)["address"]
        self.running[-1] = Running(process=process, log=log, address=address)
        if command.text.startswith("keyplan watch"):
            _await_success(f"http://{address}/readyz")
        # What a sandbox prints for another shell.
        self.variables |= dict(re.findall(r"(?<= )(ARIZE_\w+)=(\S+)", log.read_text()))
        self.said.append(log.read_text())

    def _type_at_terminal(self, command: Command) -> tuple[int, str]:
        kept = self.folder.parent / "environment"
        script = f"{command.text}\nstatus=$?\nenv -0 >'{kept}'\nexit $status"
        controller, terminal = pty.openpty()
        termios.tcsetwinsize(terminal, (50, 200))
        mode = termios.tcgetattr(terminal)
        mode[3] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSANOW, mode)
        os.write(controller, b"yes\n\x04")
        with subprocess.Popen(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.variables,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        ) as process:
            os.close(terminal)
            said = b"".join(_read(controller))
            status = process.wait(_INSTALLATION_SECONDS)
        entries = [entry.partition("=") for entry in kept.read_text().split("\0") if entry]
        self.variables = {name: value for name, _, value in entries if name not in _OF_THE_SHELL}
        return status, drop_notice(said.decode().replace("\r\n", "\n"))


def _prepares(step: object) -> bool:
    """Whether a step prepares the blocks; what is shown with its answer is followed by the tests of consoles."""
    return isinstance(step, File | HandMade) or (isinstance(step, Typed) and step.answer is None)


def _read(controller: int) -> Iterable[bytes]:
    try:
        while piece := os.read(controller, 65_536):
            yield piece
    except OSError:
        pass  # Linux: EIO, when the last program has closed the terminal
    finally:
        os.close(controller)


def _await_success(url: str) -> None:
    deadline = time.monotonic() + _BOUND_SECONDS
    while True:
        with suppress(httpx.TransportError):
            answer = httpx.get(url, timeout=10, trust_env=False)
            if answer.is_success:
                return
        assert time.monotonic() < deadline, f"{url} never answered with success"
        time.sleep(0.05)
