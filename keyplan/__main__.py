"""`python -m keyplan`, and what the console script calls."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from keyplan import UNSUPPORTED_SYSTEM

_TERMINATED = 128 + signal.SIGTERM
_UNSUPPORTED = 3
"""`InputError.exit_status`, whose module a system that is refused may not be able to import."""


def main(system: str = os.name) -> NoReturn:
    """Run the process's command line, and end the process.

    Args:
        system: The kind of operating system, as `os.name` names it.
    """
    # Before anything is imported that Windows does not have, such as fcntl.
    if system == "nt":
        sys.stderr.write(f"error: {UNSUPPORTED_SYSTEM}\n  hint: use Linux or macOS, or WSL on this machine\n")
        sys.exit(_UNSUPPORTED)
    # The kernel drops a signal without a handler that is sent to process 1, as keyplan is in a container: until the
    # command line is imported and has its own handler, a request to stop would be lost (pid_namespaces(7)).
    if os.getpid() == 1 and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(_TERMINATED))
    _hurry()
    from keyplan.cli.main import main as run_command_line  # noqa: PLC0415 - see above

    try:
        run_command_line()
    except SystemExit as ended:
        _end(ended)


def _hurry() -> None:
    """Spare this process what a short-lived command has no use for."""
    # Nearly nothing of what planning makes is garbage, and looking for some took 0.3 of 2.4 s for 10,000 keys, and a
    # larger share of more. With this, 500,000 new objects bring a look at the young ones; an API request leaves 45.
    gc.set_threshold(500_000, 50, 100)
    # httpx imports its own command line with rich and pygments, 50 ms, unless that cannot be imported.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # what the import system takes for "none"


def _end(ended: SystemExit) -> NoReturn:
    """End the process at once; what is registered to run at its end is done first."""
    atexit._run_exitfuncs()  # noqa: SLF001 - no public function runs them without all that the interpreter does next:
    # taking everything apart, object by object, which takes 100 ms after a plan of 10,000 keys.
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            if stream is not None:
                stream.flush()
    os._exit(ended.code if isinstance(ended.code, int) else 1)


if __name__ == "__main__":
    main()
