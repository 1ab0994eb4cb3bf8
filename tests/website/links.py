"""Pages of the repository as the site shows them: links lead to pages of the site, and blocks have their titles."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

FENCE = re.compile(r"^(?P<indent> *)(?P<marks>```+)(?P<info>.*)$")
_TITLED = re.compile(r'^(?P<language>\w+) title="(?P<title>[^"]+)"$')
_LINK = re.compile(r"(?P<before>!?\[(?:[^\]\[]|\[[^\]]*\]|\](?=\])|`[^`]*`)*\]\()(?P<target>[^)\s]+)(?P<after>\))")
_COMMENT = re.compile(r"^<!-- .*? -->\n?", re.MULTILINE)
PICTURES = (".png", ".svg")
FOLDERS = {
    "docs": "index.md",
    "docs/commands": "reference/commands.md",
    "docs/decisions": "decisions/README.md",
    "docs/providers": "providers/README.md",
    "docs/sinks": "start/sinks.md",
}
"""The page of the site for a folder of docs that a link leads to."""


def convert_page(text: str, resolve: Callable[[str], str]) -> str:
    """Return a page for Sphinx; `resolve` gives the target of each link, without its anchor, as the site has it."""
    lines: list[str] = []
    for line, is_code in _split(_COMMENT.sub("", text)):
        lines.append(line if is_code else _LINK.sub(lambda found: _retarget(found, resolve), line))
    return "\n".join(_title_blocks(lines)) + "\n"


def find_links(text: str) -> Iterator[str]:
    """Yield the targets of all links of a page that lead to a file, without anchors."""
    for line, is_code in _split(text):
        if not is_code:
            for found in _LINK.finditer(line):
                path = found["target"].partition("#")[0]
                if path and not _is_elsewhere(path):
                    yield path


def place_on_site(path: str, *, is_folder: bool) -> str:
    """Return where a file or folder of the repository is on the site; both count from their own roots."""
    if path in FOLDERS:
        return FOLDERS[path]
    if path == "docs/README.md":
        return "index.md"
    if path.startswith("docs/") and path.endswith((".md", *PICTURES)):
        return path.removeprefix("docs/")
    if is_folder:
        return f"repository/{path}/index.md"
    # A file that is not a page becomes one: its name and its text.
    return f"repository/{path}" if path.endswith(".md") else f"repository/{path}.md"


def make_relative(target: str, page: str) -> str:
    """Return a path of the site as a link in the page has to write it."""
    return posixpath.relpath(target, str(PurePosixPath(page).parent))


def join_path(page: str, target: str) -> str:
    """Return what a link in a file of the repository leads to, counted from the root."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), target))


def _retarget(found: re.Match[str], resolve: Callable[[str], str]) -> str:
    path, mark, anchor = found["target"].partition("#")
    if path and not _is_elsewhere(path):
        path = resolve(path)
    return f"{found['before']}{path}{mark}{anchor}{found['after']}"


def _is_elsewhere(path: str) -> bool:
    return re.match(r"[a-z][a-z0-9+.-]*:", path) is not None


def _split(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of a page, and whether they are those of a fenced block."""
    closing = ""
    for line in text.splitlines():
        found = FENCE.match(line)
        if closing:
            yield line, True
            if line.strip() == closing:
                closing = ""
        else:
            closing = found["marks"] if found else ""
            yield line, bool(closing)


def _title_blocks(lines: list[str]) -> Iterator[str]:
    for line in lines:
        fence = FENCE.match(line)
        titled = _TITLED.match(fence["info"]) if fence else None
        if fence and titled:
            yield f"{fence['indent']}{fence['marks']}{{code-block}} {titled['language']}"
            yield f"{fence['indent']}:caption: {titled['title']}"
            yield ""
        else:
            yield line
