"""Whether this commit can be released: `python -m release.check_release VERSION [TAG]`. It changes nothing.

Without a tag it is a rehearsal before tagging; with one, as in the release workflow, the tag itself is examined, too.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from release.changelog import REPOSITORY, ReleaseError, find_notes, parse_version, read_sections
from release.pins import write_all
from release.versions import read_versions

_SIGNATURE = re.compile(r"^-----BEGIN (?:PGP|SSH) SIGNATURE-----$|^-----BEGIN SIGNED MESSAGE-----$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A commit that is to be released."""

    repository: Path
    version: str
    tag: str = ""
    """The name of the tag; empty before there is one."""


def check_version(candidate: Candidate) -> Iterator[str]:
    """Yield each place that names another version."""
    others = [(name, version) for name, version in read_versions(candidate.repository) if version != candidate.version]
    yield from (f"{name} says {version}" for name, version in others)
    for name in () if others else write_all(candidate.repository, is_dry=True):
        yield f"{name} says something else about installing than release.toml: run `make pins`"


def check_changelog(candidate: Candidate) -> Iterator[str]:
    """Yield what is missing in the changelog."""
    text = (candidate.repository / "CHANGELOG.md").read_text()
    unreleased, *released = read_sections(text)
    find_notes(text, candidate.version)
    newest = released[0]
    if newest.version != candidate.version:
        yield f"the newest release in the changelog is {newest.version}"
    if unreleased.text:
        yield "the changelog has entries below `## Unreleased`, which this release would hold and its notes would not"
    if newest.released and newest.released > datetime.now(UTC).date():
        yield f"the changelog dates {newest.version} in the future: {newest.released}"


def check_tree(candidate: Candidate) -> Iterator[str]:
    """Yield that something is not committed."""
    if changed := _ask_git(candidate, "status", "--porcelain"):
        yield f"not everything is committed: {len(changed.splitlines())} files differ"


def check_tag(candidate: Candidate) -> Iterator[str]:
    """Yield what is wrong with the tag: its name, its kind, its commit, its signature."""
    if not candidate.tag:
        return
    if candidate.tag != f"v{candidate.version}":
        yield f"the tag {candidate.tag} is not v{candidate.version}"
    if _ask_git(candidate, "cat-file", "-t", f"refs/tags/{candidate.tag}") != "tag":
        yield f"{candidate.tag} is not an annotated tag of this clone: make it with `git tag --sign {candidate.tag}`"
        return
    if _ask_git(candidate, "rev-parse", f"refs/tags/{candidate.tag}^{{commit}}") != _ask_git(
        candidate, "rev-parse", "HEAD"
    ):
        yield f"{candidate.tag} is another commit than the one that is checked out"
    # Whose signature it is, is checked by who has the keys: the workflow asks GitHub.
    if not _SIGNATURE.search(_ask_git(candidate, "cat-file", "tag", f"refs/tags/{candidate.tag}")):
        yield f"{candidate.tag} is not signed: make it with `git tag --sign {candidate.tag}`"


CHECKS: tuple[Callable[[Candidate], Iterator[str]], ...] = (check_version, check_changelog, check_tree, check_tag)


def find_problems(candidate: Candidate) -> list[str]:
    """Return everything that keeps this commit from being released."""
    problems = []
    for check in CHECKS:
        try:
            problems.extend(check(candidate))
        except ReleaseError as error:
            problems.append(str(error))
    return problems


def _ask_git(candidate: Candidate, *arguments: str) -> str:
    argv = ["git", *arguments]
    # An empty answer is what a clone without the tag gives.
    return subprocess.run(argv, cwd=candidate.repository, capture_output=True, text=True, check=False).stdout.strip()


def main() -> int:
    """Return 0 if nothing keeps the version of the command line from being released."""
    version, *tags = sys.argv[1:]
    try:
        parse_version(version)
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    candidate = Candidate(repository=REPOSITORY, version=version, tag=tags[0] if tags else "")
    problems = find_problems(candidate)
    for problem in problems:
        sys.stderr.write(f"{version} can't be released: {problem}\n")
    if not problems:
        checked = f"and the tag {candidate.tag} " if candidate.tag else ""
        sys.stdout.write(f"version, changelog, tree {checked}agree on {version}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
