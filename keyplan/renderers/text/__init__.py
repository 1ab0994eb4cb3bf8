"""Text for terminals. Each module is imported when it is first used, because a run needs one or two of them."""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyplan.renderers.text import (
        audit,
        calendar,
        doctor,
        drift,
        explanation,
        history,
        inventory,
        leak,
        ledger,
        plan,
        problems,
        rehearsal,
        report,
    )
else:

    def __getattr__(name: str) -> ModuleType:
        # Hidden from mypy, so that it checks calls against the modules above and reports one that is not there.
        return import_module(f"{__name__}.{name}")


__all__ = [
    "audit",
    "calendar",
    "doctor",
    "drift",
    "explanation",
    "history",
    "inventory",
    "leak",
    "ledger",
    "plan",
    "problems",
    "rehearsal",
    "report",
]
