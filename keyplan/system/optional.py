"""Imports packages that only some users install, when they are needed and never at start-up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from keyplan.errors import InputError


def require(module: str, *, extra: str) -> ModuleType:
    """Return an imported module such as ``hvac``.

    Raises:
        InputError: A package is missing; the advice is the command that installs it.
    """
    with importing(extra):
        return import_module(module)


@contextmanager
def importing(extra: str) -> Iterator[None]:
    """Raise InputError if a package that is imported in the block is missing; `extra` is what installs it."""
    try:
        yield
    except ImportError as error:
        raise InputError(
            f"'{extra}' needs a package that is not installed: {error.name or error}",
            advice=f"pip install 'keyplan[{extra}]'",
        ) from error
