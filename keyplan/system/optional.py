"""Imports packages that only some sinks need, when such a sink is built and never at start-up."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from keyplan.errors import InputError


def require(module: str, *, extra: str) -> ModuleType:
    """Return an imported module such as ``hvac``.

    Raises:
        InputError: A package is missing; the advice is the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            f"'{extra}' needs a package that is not installed: {error.name or module}",
            advice=f"pip install 'keyplan[{extra}]'",
        ) from error
