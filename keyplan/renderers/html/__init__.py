"""Web pages that need no network: each is one file with its own style and script, and a policy that allows no other.

Each module is imported when it is first used: the packages that it needs are an extra.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyplan.renderers.html import calendar, sheets
else:

    def __getattr__(name: str) -> ModuleType:
        # Hidden from mypy, so that it checks calls against the modules above and reports one that is not there.
        return import_module(f"{__name__}.{name}")


__all__ = ["calendar", "sheets"]
