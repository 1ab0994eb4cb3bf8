"""CHANGELOG.md as releases use it: `## Unreleased` first, then `## X.Y.Z - YYYY-MM-DD`, the newest first.

`python -m release.changelog VERSION` prints the notes of a release: the text below its heading.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
UNRELEASED = "Unreleased"
_HEADING = re.compile(r"^## (.*)$", re.MULTILINE)
_RELEASED = re.compile(r"(\d+\.\d+\.\d+) - (\d{4}-\d{2}-\d{2})")
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class ReleaseError(Exception):
    """Something is missing or wrong for a release; the text says what to do."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of the changelog."""

    version: str
    """`Unreleased`, or a version."""
    released: date | None
    """None for `Unreleased`."""
    text: str
    """Everything below the heading, without blank lines around it."""


def parse_version(text: str) -> tuple[int, ...]:
    """Return the numbers of a version; what is not X.Y.Z is refused."""
    found = _VERSION.fullmatch(text)
    if not found:
        raise ReleaseError(f"{text!r} is not a version X.Y.Z")
    return tuple(map(int, found.groups()))


def read_sections(text: str) -> list[Section]:
    """Return all sections, `Unreleased` first; a heading of another form, or out of order, is refused."""
    _, *parts = _HEADING.split(text)
    sections = [_read_section(title, body) for title, body in zip(parts[::2], parts[1::2], strict=True)]
    if not sections or sections[0].version != UNRELEASED:
        raise ReleaseError(f"the changelog's first section is not `## {UNRELEASED}`")
    released = sections[1:]
    for newer, older in pairwise(released):
        if parse_version(newer.version) <= parse_version(older.version):
            raise ReleaseError(f"the changelog has {older.version} below {newer.version}: the newest version is first")
        if newer.released and older.released and newer.released < older.released:
            raise ReleaseError(f"the changelog dates {newer.version} before {older.version}")
    return sections


def _read_section(title: str, body: str) -> Section:
    if title == UNRELEASED:
        return Section(version=title, released=None, text=body.strip())
    found = _RELEASED.fullmatch(title)
    if not found:
        raise ReleaseError(f"the changelog's heading `## {title}` is not `## X.Y.Z - YYYY-MM-DD`")
    parse_version(found[1])
    try:
        released = date.fromisoformat(found[2])
    except ValueError as error:
        raise ReleaseError(f"the changelog's heading `## {title}` has no such day") from error
    return Section(version=found[1], released=released, text=body.strip())


def find_notes(text: str, version: str) -> str:
    """Return what the changelog says about a released version."""
    parse_version(version)
    for section in read_sections(text):
        if section.version == version:
            if not section.text:
                raise ReleaseError(f"the changelog's section {version} is empty")
            return section.text + "\n"
    raise ReleaseError(f"the changelog has no section {version}: run `make release-prepare VERSION={version}`")


def cut_section(text: str, version: str, released: date) -> str:
    """Return the changelog with everything unreleased below the heading of a version; `Unreleased` stays, empty."""
    unreleased, *older = read_sections(text)
    if not unreleased.text:
        raise ReleaseError(f"there is nothing below `## {UNRELEASED}` to release")
    if older and parse_version(version) <= parse_version(older[0].version):
        raise ReleaseError(f"{version} is not newer than {older[0].version}, the last release of the changelog")
    heading = f"## {version} - {released.isoformat()}"
    cut = text.replace(f"## {UNRELEASED}\n", f"## {UNRELEASED}\n\n{heading}\n", 1)
    read_sections(cut)
    return cut


def main() -> int:
    """Print the notes of the version that the command line names."""
    try:
        sys.stdout.write(find_notes((REPOSITORY / "CHANGELOG.md").read_text(), sys.argv[1]))
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
