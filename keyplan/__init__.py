"""keyplan keeps Arize API keys as a manifest declares them: plan, apply, and each raw key goes into your secret store.

    import keyplan

    plan = keyplan.plan("keys.yaml")
    print(keyplan.render(plan))
    report = keyplan.apply(plan)

Each name is imported when it is first used, so that `import keyplan` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyplan.app.api import apply, plan, read_manifest, render

__version__ = "0.1.0"
__all__ = ["__version__", "apply", "plan", "read_manifest", "render"]


def __getattr__(name: str) -> object:
    """Return a name of the library."""
    if name in __all__:
        return getattr(import_module("keyplan.app.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
