"""What Sphinx builds the site from: pages of docs/, files of the repository that they link to, and the reference.

Nothing of it is committed: it is made anew for each build, from the repository as it is.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path

from website import commands, schemas, tables
from website.links import PICTURES, convert_page, find_links, join_path, make_relative, place_on_site
from website.markdown import table
from website.nav import Entry, Nav, read_nav, write_toctree

PROJECT = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
"""Pages beside docs/ that are in the navigation of the site."""
_LEXERS = {
    "": "text", "cfg": "ini", "json": "json", "md": "markdown", "py": "python", "service": "ini", "sh": "bash",
    "toml": "toml", "yaml": "yaml", "yml": "yaml",
}  # fmt: skip
_PASSED_OVER = frozenset(["__pycache__", ".keyplan", ".pytest_cache", ".hypothesis"])


class Source:
    """The source of the site, from one checkout."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @cached_property
    def nav(self) -> Nav:
        """The navigation of docs/nav.toml, with the pages that are made at each build."""
        own = (path.relative_to(self._root / "docs") for path in (self._root / "docs").rglob("*.md"))
        pages = {str(path.with_suffix("")) for path in own} - {"README"}
        made = {path.removesuffix(".md") for path in self.reference}
        project = {f"repository/{path.removesuffix('.md')}" for path in PROJECT}
        return read_nav((self._root / "docs" / "nav.toml").read_text(), pages | made | project)

    @cached_property
    def reference(self) -> Mapping[str, str]:
        """The pages that are made from code and schemas, by their place on the site."""
        names = sorted(path.stem for path in (self._root / "schemas").glob("*.v*.json"))
        return {
            "reference/commands.md": commands.write_index(),
            "reference/exit-statuses.md": tables.write_exit_statuses(),
            "reference/words.md": tables.write_words(),
            "reference/metrics.md": tables.write_metrics(),
            "reference/options.md": schemas.write_plugin_options(),
            "reference/schemas.md": schemas.write_index(names),
            **{f"reference/{name}.md": schemas.write_schema(name) for name in names},
        }

    def write(self, folder: Path) -> None:
        """Write everything into an empty folder."""
        for name, content in self.list_files():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def list_files(self) -> Iterator[tuple[str, str | bytes]]:
        """Yield each file of the source: its place on the site, and its content."""
        below = {entry.page: entry.below for section in self.nav.sections for entry in section.entries}
        for name, text in {**self.reference, **dict(self._list_pages())}.items():
            page = name.removesuffix(".md")
            yield name, text + self._append(page, below.get(page, ()))
        for path in sorted((self._root / "docs").rglob("*")):
            if path.suffix in PICTURES:
                yield str(path.relative_to(self._root / "docs")), path.read_bytes()
        # README.md names them by their places in the repository.
        for path in sorted((self._root / "docs" / "pictures").iterdir()):
            yield f"repository/docs/pictures/{path.name}", path.read_bytes()

    def _append(self, page: str, below: tuple[str, ...]) -> str:
        parts = [""]
        if page == "index":
            parts += [write_toctree(section.entries, title=section.title) for section in self.nav.sections]
        if page.startswith("commands/"):
            parts.append(commands.write_section(page.removeprefix("commands/")))
        if page == "reference/event.v1":
            parts.append(tables.write_watch_events())
        if below:
            parts.append(write_toctree(Entry(page=one, title="") for one in below))
        return "\n".join(parts)

    def _list_pages(self) -> Iterator[tuple[str, str]]:
        """Yield the pages of the repository, and each file and folder that a page leads to, from link to link."""
        waiting = [str(path.relative_to(self._root)) for path in sorted((self._root / "docs").rglob("*.md"))]
        waiting += PROJECT
        done: set[str] = set()
        while waiting:
            path = waiting.pop()
            name = self._place(path)
            if name in done or (path.startswith("docs/") and not (self._root / path).is_file()):
                continue
            done.add(name)
            text = self._read(path)
            page = convert_page(text, partial(self._resolve, path, name))
            yield name, page if path.startswith("docs/") or path in PROJECT else f"{_write_head(path)}{page}"
            waiting += [
                join_path(path, target) for target in find_links(text) if self._is_page(join_path(path, target))
            ]

    def _read(self, path: str) -> str:
        """Return the text of a page; a folder or another file gets one that shows it."""
        place = self._root / path
        if place.is_dir():
            return self._show_folder(path)
        if place.suffix == ".md":
            return place.read_text()
        lexer = _LEXERS.get(place.suffix.removeprefix("."), "text")
        return f"# {path}\n\n````{lexer}\n{place.read_text()}````\n"

    def _show_folder(self, path: str) -> str:
        folder = posixpath.basename(path)
        names = sorted(
            f"{one.name}/" if one.is_dir() else one.name
            for one in (self._root / path).iterdir()
            if one.name not in _PASSED_OVER
        )
        return f"# {path}\n\n{table(('in this folder',), ((f'[`{name}`]({folder}/{name})',) for name in names))}\n"

    def _resolve(self, path: str, name: str, target: str) -> str:
        """Return a link of a page of the repository as the page of the site writes it."""
        joined = join_path(path, target)
        if not self._is_page(joined) and joined.startswith("docs/"):
            return make_relative(joined.removeprefix("docs/"), name)
        return make_relative(self._place(joined), name)

    def _place(self, path: str) -> str:
        return place_on_site(path, is_folder=(self._root / path).is_dir())

    def _is_page(self, path: str) -> bool:
        return (self._root / path).exists() and not path.endswith(PICTURES)


def _write_head(path: str) -> str:
    """Return what keeps a page out of the navigation; a search finds prose alone, not each line of code."""
    return f"---\norphan: true\n{'' if path.endswith('.md') else 'nosearch: true'}\n---\n\n"
