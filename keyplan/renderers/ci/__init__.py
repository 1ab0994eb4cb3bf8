"""Text for CI systems and code forges, all rendered from one shape: the sheet.

Each module is imported when it is first used, because a run needs one or two of them.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyplan.renderers.ci import (
        audit,
        drift_sheet,
        forges,
        history,
        inventory,
        junit,
        markdown,
        plan_sheet,
        problem_sheet,
        sarif,
    )
else:

    def __getattr__(name: str) -> ModuleType:
        # Hidden from mypy, so that it checks calls against the modules above and reports one that is not there.
        return import_module(f"{__name__}.{name}")


__all__ = [
    "audit",
    "drift_sheet",
    "forges",
    "history",
    "inventory",
    "junit",
    "markdown",
    "plan_sheet",
    "problem_sheet",
    "sarif",
]
