"""Compare .github/PINS.md with the repositories of the actions: `make action-pins`.

Each row names an action, a version and a commit. Its repository is asked which commit the tag of that version is.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from repository.workflows import ROOT

RECORD = ROOT / ".github" / "PINS.md"
_ROW = re.compile(r"^\| `(?P<repository>[\w.-]+/[\w.-]+)` \| (?P<version>v[\w.]+) \| `(?P<commit>[0-9a-f]{40})` \|$")


@dataclass(frozen=True, kw_only=True, order=True)
class Row:
    """A row of the record."""

    repository: str
    version: str
    commit: str


def read_record() -> list[Row]:
    """Return the rows of the record."""
    found = map(_ROW.fullmatch, RECORD.read_text().splitlines())
    return [Row(**one.groupdict()) for one in found if one]


def ask_commit(row: Row) -> str:
    """Return the commit of a row's tag as its repository knows it; empty if it has no such tag or does not answer."""
    tag = f"refs/tags/{row.version}"
    argv = ["git", "ls-remote", f"https://github.com/{row.repository}", tag, f"{tag}^{{}}"]
    answer = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60).stdout
    named = dict(reversed(line.split("\t")) for line in answer.splitlines())
    # An annotated tag is an object of its own, and its commit has the name with ^{}.
    return str(named.get(f"{tag}^{{}}", named.get(tag, "")))


def find_differences(rows: list[Row]) -> Iterator[str]:
    """Yield a line for each row whose repository says something else."""
    for row in rows:
        if (known := ask_commit(row)) != row.commit:
            yield f"{row.repository} {row.version}: the record says {row.commit}, its repository {known or 'nothing'}"


def main() -> int:
    """Return 0 if every row is what its repository says."""
    rows = read_record()
    differences = list(find_differences(rows))
    sys.stdout.write("".join(f"{line}\n" for line in differences))
    sys.stdout.write(f"{len(rows)} pins compared, {len(differences)} differ\n")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
