"""Everything in the repository that names the current version of keyplan, and what `make release-prepare` changes.

`python -m release.versions VERSION [DATE]` moves what is unreleased in the changelog below a dated heading and writes
the version everywhere; it commits and tags nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from release.changelog import REPOSITORY, ReleaseError, cut_section, parse_version
from release.pins import write_all

_NUMBER = r"\d+\.\d+\.\d+"
PLACES: tuple[tuple[str, str], ...] = (
    ("keyplan/__init__.py", rf'(?m)(?<=^__version__ = "){_NUMBER}(?="$)'),
    ("charts/keyplan/Chart.yaml", rf'(?m)(?<=^version: ){_NUMBER}$|(?<=^appVersion: "){_NUMBER}(?="$)'),
    ("charts/keyplan/ci/watch-values.yaml", rf"(?<=registry\.example\.com/keyplan, tag: ){_NUMBER}"),
    ("docs/kubernetes.md", rf"(?<=registry\.example\.com/keyplan:){_NUMBER}"),
)
"""Files with the version, each with a pattern of the version alone; the first one is what keyplan reports.

What says how keyplan is installed names it as well: that is written by `release.pins`.
"""


def read_versions(repository: Path) -> Iterator[tuple[str, str]]:
    """Yield the file and the version of every place; a place without one is refused."""
    for name, pattern in PLACES:
        found = re.findall(pattern, (repository / name).read_text())
        if not found:
            raise ReleaseError(f"{name} names no version: correct it, or the list in tests/release/versions.py")
        yield from ((name, version) for version in found)


def prepare(repository: Path, version: str, released: date) -> list[str]:
    """Write a version and its date everywhere, and return the files that changed; all is read before one is written."""
    new, current = parse_version(version), dict(read_versions(repository))[PLACES[0][0]]
    if new < parse_version(current):
        raise ReleaseError(f"{version} is older than {current}, the version in {PLACES[0][0]}")
    texts = {"CHANGELOG.md": cut_section((repository / "CHANGELOG.md").read_text(), version, released)}
    for name, pattern in PLACES:
        texts[name] = re.sub(pattern, version, (repository / name).read_text())
    changed = [name for name, text in texts.items() if text != (repository / name).read_text()]
    for name in changed:
        (repository / name).write_text(texts[name])
    return [*changed, *write_all(repository)]


def main() -> int:
    """Prepare the version of the command line; without a date, today's in UTC counts."""
    version, *dates = sys.argv[1:]
    try:
        released = date.fromisoformat(dates[0]) if dates and dates[0] else datetime.now(UTC).date()
        changed = prepare(REPOSITORY, version, released)
    except (ReleaseError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{version} of {released} is written to {', '.join(changed)}\n")
    sys.stdout.write(
        f"next: review it, commit it, `make release-check VERSION={version}`, and tag the commit v{version}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
