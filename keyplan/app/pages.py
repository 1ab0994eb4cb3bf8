"""What pages for a browser need beside their renderers: the packages of an extra, and files of the package itself.

Whether they can be made is asked before a command does anything, so that an apply never ends with a missing package.
"""

from __future__ import annotations

from collections.abc import Iterable

from keyplan.renderers.formats import PAGES
from keyplan.renderers.style import Assets
from keyplan.system.optional import require

_EXTRA = "report"


def require_pages() -> None:
    """Return if pages can be made here. Raises InputError if a package that makes them is not installed."""
    require("htpy", extra=_EXTRA)


def require_formats(formats: Iterable[str]) -> None:
    """Return if answers in these formats can be made here. Raises InputError as `require_pages` does."""
    if set(PAGES) & set(formats):
        require_pages()


def read_assets() -> Assets:
    """Return style and script of every page."""
    from importlib.resources import files  # noqa: PLC0415 - its import is slow, and most runs make no page

    folder = files("keyplan.renderers.html")
    return Assets(css=folder.joinpath("report.css").read_text(), js=folder.joinpath("report.js").read_text())
