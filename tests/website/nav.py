"""The order of the site's pages, as docs/nav.toml gives it, and what holds between it and the pages that exist."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAV = ROOT / "docs" / "nav.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A page in the navigation, and the pages below it."""

    page: str
    """Without suffix, from docs/: `commands/plan`."""
    title: str
    """What stands in the navigation; empty for the page's own title."""
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading of the navigation and its pages."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nav:
    """The navigation, its patterns filled in, and what is wrong with it."""

    sections: tuple[Section, ...]
    problems: tuple[str, ...]


def read_nav(text: str, pages: Iterable[str]) -> Nav:
    """Return the navigation of these pages; `pages` are names as in `Entry.page`, the front page is not among them.

    A pattern such as `decisions/*` stands for all pages that fit it and that no line names, in their order.
    """
    known = sorted(pages)
    document = tomllib.loads(text)["section"]
    named = [name for section in document for line in section["pages"] for name in _list_names(line) if "*" not in name]
    sections = tuple(
        Section(title=section["title"], entries=tuple(_read_entries(section["pages"], known, named)))
        for section in document
    )
    shown = [name for section in sections for entry in section.entries for name in (entry.page, *entry.below)]
    missing = [f"no line of docs/nav.toml names {name}" for name in known if name not in shown]
    unknown = [f"docs/nav.toml names {name}, and there is no such page" for name in named if name not in known]
    twice = [f"docs/nav.toml names {name} twice" for name in sorted(set(shown)) if shown.count(name) > 1]
    return Nav(sections=sections, problems=(*missing, *unknown, *twice))


def write_toctree(entries: Iterable[Entry], *, title: str = "") -> str:
    """Return what Sphinx reads the order of pages from; it shows nothing at its place."""
    options = [":hidden:", f":caption: {title}" if title else ""]
    lines = [f"{entry.title} </{entry.page}>" if entry.title else f"/{entry.page}" for entry in entries]
    return "\n".join(["```{toctree}", *filter(None, options), "", *lines, "```", ""])


def _list_names(line: str | dict[str, str]) -> Iterator[str]:
    if isinstance(line, str):
        yield line
    else:
        yield from (line[field] for field in ("page", "below") if field in line)


def _read_entries(lines: list[str | dict[str, str]], known: list[str], named: list[str]) -> Iterator[Entry]:
    for line in lines:
        if isinstance(line, dict):
            below = tuple(_match(line["below"], known, named)) if "below" in line else ()
            yield Entry(page=line["page"], title=line.get("title", ""), below=below)
        else:
            yield from (Entry(page=name, title="") for name in _match(line, known, named))


def _match(pattern: str, known: list[str], named: list[str]) -> Iterator[str]:
    if "*" not in pattern:
        yield pattern
    else:
        yield from (name for name in known if fnmatchcase(name, pattern) and name not in named)
