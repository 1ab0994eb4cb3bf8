"""Packages that only some sinks need, imported when such a sink is built.

In: the name of a module, and the extra that installs it. Out: the module. Never: an import at start-up, or an
ImportError that leaves without telling what to install.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from keyplan.errors import InputError


def require(module: str, *, extra: str) -> ModuleType:
    """Return an imported module such as ``hvac``. Raises InputError, with the line to run, where it is missing."""
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            f"'{extra}' needs a package that is not installed: {error.name or module}",
            advice=f"pip install 'keyplan[{extra}]'",
        ) from error
