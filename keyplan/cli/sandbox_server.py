"""The sandbox's server for the commands that run it: with its packages checked, and its errors as keyplan's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from keyplan.app.registry import require
from keyplan.errors import InputError
from keyplan.sandbox.options import SandboxError


@contextmanager
def sandbox_server() -> Iterator[ModuleType]:
    """Yield the module `keyplan.sandbox.server`, and raise the sandbox's errors in the block as InputError.

    The sandbox imports nothing of keyplan, so it has errors of its own. The command line imports the server
    only when it is needed: its packages are an extra, and most users of the command line do not have them.

    Raises:
        InputError: A package is missing, or the sandbox cannot run as it is asked to.
    """
    server = require("keyplan.sandbox.server", extra="sandbox")
    try:
        yield server
    except SandboxError as error:
        raise InputError(str(error)) from error
