"""Runs a command line of keyplan in this process, and kills it with SIGKILL right before or after its nth effect.

    python killed_apply.py 7 after apply --auto-approve --parallelism 1

Effects are those that the simulated ports count: the calls of provider, sinks and ledger that change something, and
verify. Everything else is as installed: the adapters, the files, the requests.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from itertools import count
from pathlib import Path
from threading import local
from typing import Any

from keyplan.app.wiring import PluginWiring
from keyplan.cli.main import run
from keyplan.cli.screen import Screen
from keyplan.cli.session import Session
from keyplan.cli.signals import Interrupts

_PROVIDER = ("create", "refresh", "delete", "verify")
_SINK = ("intend", "retract", "put", "annotate", "withdraw")
_LEDGER = ("open_intent", "close_intent", "record", "forget", "spend", "remember")


class Killer:
    """Counts the effects of this process, and kills it at one of them."""

    def __init__(self, number: int, when: str) -> None:
        self._number, self._when = number, when
        self._counted = count(1)
        self._inside = local()
        self._watched: set[tuple[type, str]] = set()

    def watch(self, port: object, verbs: tuple[str, ...]) -> None:
        """Count the calls of these methods, each class once."""
        kind = type(port)
        for verb in verbs:
            if (kind, verb) not in self._watched:
                self._watched.add((kind, verb))
                setattr(kind, verb, self._wrap(getattr(kind, verb)))

    def watch_lock(self, ledger: object) -> None:
        """Count the taking of the lock."""
        kind: Any = type(ledger)
        original = kind.lock

        @contextmanager
        def lock(*arguments: Any, **options: Any) -> Iterator[Any]:
            number = next(self._counted)
            self._kill(number, "before")
            with original(*arguments, **options) as lease:
                self._kill(number, "after")
                yield lease

        kind.lock = lock

    def _wrap(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def counted(*arguments: Any, **options: Any) -> Any:
            # A method that calls another one of its own has one effect.
            if getattr(self._inside, "yes", False):
                return original(*arguments, **options)
            number = next(self._counted)
            self._kill(number, "before")
            self._inside.yes = True
            try:
                result = original(*arguments, **options)
            finally:
                self._inside.yes = False
            self._kill(number, "after")
            return result

        return counted

    def _kill(self, number: int, when: str) -> None:
        if (number, when) == (self._number, self._when):
            os.kill(os.getpid(), signal.SIGKILL)


class KillingWiring(PluginWiring):
    """The installed plugins, with a killer that watches them."""

    killer: Killer

    def provider(self, *arguments: Any, **options: Any) -> Any:
        """Return what the plugin builds, watched."""
        ports = super().provider(*arguments, **options)
        self.killer.watch(ports.writer, _PROVIDER)
        return ports

    def sinks(self, *arguments: Any, **options: Any) -> Any:
        """Return what the plugins build, watched."""
        sinks = super().sinks(*arguments, **options)
        for sink in sinks.values():
            self.killer.watch(sink, _SINK)
        return sinks

    def ledger(self, *arguments: Any, **options: Any) -> Any:
        """Return what the plugin builds, watched."""
        ledger = super().ledger(*arguments, **options)
        self.killer.watch(ledger, _LEDGER)
        self.killer.watch_lock(ledger)
        return ledger


def main(number: str, when: str, *command: str) -> int:
    """Run the command line; return its status if the process was not killed."""

    def wire(environment: Mapping[str, str], say: Callable[[str], None]) -> KillingWiring:
        wiring = KillingWiring(environment, say)
        wiring.killer = Killer(int(number), when)
        return wiring

    environment = dict(os.environ)
    session = Session(
        environment=environment,
        folder=Path.cwd(),
        screen=Screen(stdin=None, stdout=sys.stdout, stderr=sys.stderr, environment=environment),
        interrupts=Interrupts(sys.stderr.write),
        read_stdin=lambda _limit: b"",
        wire=wire,
    )
    return run(command, session)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
