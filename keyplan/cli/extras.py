"""Parts of keyplan that need packages which the core does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from keyplan.errors import InputError
from keyplan.sandbox.options import SandboxError


def load_part(module: str, *, extra: str) -> ModuleType:
    """Return a module of keyplan. Raises InputError with the pip line where a package that it needs is missing."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise InputError(
            f"the {extra} needs a package that is not installed: {error.name}",
            advice=f"pip install 'keyplan[{extra}]'",
        ) from error


@contextmanager
def sandbox_errors() -> Iterator[None]:
    """Tell the sandbox's own errors as keyplan tells its own; the sandbox knows nothing of keyplan."""
    try:
        yield
    except SandboxError as error:
        raise InputError(str(error)) from error
