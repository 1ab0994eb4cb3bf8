"""keyplan keeps Arize API keys as a manifest declares them: plan, apply, and each raw key goes into your secret store.

    import keyplan

    plan = keyplan.plan("keys.yaml")
    print(keyplan.render(plan))
    report = keyplan.apply(plan)

Each name is imported when it is first used, so that `import keyplan` costs nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyplan.app.api import apply, drift, list_keys, plan, read_manifest, render, rotate
    from keyplan.app.api_keys import explain, export_keys, find_leak, import_key
    from keyplan.errors import (
        BugError,
        InputError,
        InterruptedRunError,
        KeyplanError,
        LeaseLostError,
        LedgerDamagedError,
        LedgerError,
        LedgerForeignError,
        LedgerLockedError,
        LedgerUntrustedError,
        ManifestError,
        PlanFileError,
        PlanSpentError,
        PlanStaleError,
        ProviderDeniedError,
        ProviderError,
        ProviderRefusedError,
        ProviderUnavailableError,
        RefusedError,
        SinkBusyError,
        SinkDeniedError,
        SinkError,
        SinkPausedError,
        SinkUnavailableError,
    )

__version__ = "0.1.0"
__all__ = [
    "BugError",
    "InputError",
    "InterruptedRunError",
    "KeyplanError",
    "Layers",
    "LeaseLostError",
    "LedgerDamagedError",
    "LedgerError",
    "LedgerForeignError",
    "LedgerLockedError",
    "LedgerUntrustedError",
    "ManifestError",
    "PlanFileError",
    "PlanSpentError",
    "PlanStaleError",
    "ProviderDeniedError",
    "ProviderError",
    "ProviderRefusedError",
    "ProviderUnavailableError",
    "RefusedError",
    "SinkBusyError",
    "SinkDeniedError",
    "SinkError",
    "SinkPausedError",
    "SinkUnavailableError",
    "__version__",
    "apply",
    "drift",
    "explain",
    "export_keys",
    "find_leak",
    "import_key",
    "list_keys",
    "plan",
    "read_manifest",
    "render",
    "rotate",
]
UNSUPPORTED_SYSTEM = "keyplan does not run on Windows"
_ABOUT_KEYS = ("explain", "export_keys", "find_leak", "import_key")
"""Functions that stand in `keyplan.app.api_keys`; all others are in `keyplan.app.api`."""


def __getattr__(name: str) -> object:
    """Return a name of the library. Raises ImportError on Windows, and not for a module that is missing there."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if os.name == "nt" and not name.endswith("Error"):
        raise ImportError(UNSUPPORTED_SYSTEM)
    module = "keyplan.app.api_keys" if name in _ABOUT_KEYS else "keyplan.app.api"
    return getattr(import_module("keyplan.errors" if name.endswith("Error") else module), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
