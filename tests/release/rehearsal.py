"""Rehearse a release: `make release-rehearsal`, with `VERSION=X.Y.Z` if it is not the version that is next.

The scripts of .github/workflows/release.yml run in clones of this commit, job by job, as a tag would start them. They
publish to a package index on loopback, to a file for the image, and to a folder for the GitHub release; what came out
is compared with what was built. Nothing leaves this computer, and nothing in the repository changes. What was built
and published is kept in .rehearsal until the next time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from release.changelog import REPOSITORY, ReleaseError, parse_version, read_sections
from release.index import serving_index
from release.machine import FAILED, LEFT_OUT, RAN, Happened, Machine, Stage
from release.stand_ins import GH, IMAGE_STEP, NOT_REHEARSED_JOBS
from release.versions import PLACES, read_versions
from repository.workflows import OURS, list_steps, read_workflow

FOLDER = REPOSITORY / ".rehearsal"
IMAGE_PROGRAMS = ("buildah", "podman", "runc", "mmdebstrap")
_IDENTITY = ("-c", "user.name=A maintainer", "-c", "user.email=maintainer@example.com")


def choose_version(repository: Path) -> str:
    """Return the version of the tree, or the next patch if the changelog says that it was released."""
    version = dict(read_versions(repository))[PLACES[0][0]]
    released = [section.version for section in read_sections((repository / "CHANGELOG.md").read_text())[1:]]
    if version not in released:
        return version
    major, minor, patch = parse_version(version)
    return f"{major}.{minor}.{patch + 1}"


def make_origin(folder: Path, version: str) -> Path:
    """Return a repository with this commit, prepared for a version unless it is, on `main` under a signed tag."""
    origin, clone = folder / "origin.git", folder / "maintainer"
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    _run("git", "clone", "--quiet", "--bare", "--no-tags", str(REPOSITORY), str(origin))
    _run("git", "symbolic-ref", "HEAD", "refs/heads/main", within=origin)
    _run("git", "update-ref", "refs/heads/main", head.strip(), within=origin)
    _run("git", "clone", "--quiet", str(origin), str(clone))
    sections = read_sections((clone / "CHANGELOG.md").read_text())
    if version not in [section.version for section in sections]:
        _run(sys.executable, "-m", "release.versions", version, within=clone, PYTHONPATH=str(clone / "tests"))
        commit = ("commit", "--quiet", "--all", "--no-gpg-sign", f"--message=Release {version}")
        _run("git", *_IDENTITY, *commit, within=clone)
    key = folder / "key"
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    (folder / "signers").write_text(f"maintainer@example.com {key.with_suffix('.pub').read_text()}")
    signed = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}")
    _run("git", *_IDENTITY, *signed, "tag", "--sign", f"--message=keyplan {version}", f"v{version}", within=clone)
    _run("git", "push", "--quiet", "origin", "main", f"v{version}", within=clone)
    return origin


def order_jobs(jobs: Mapping[str, Any]) -> list[str]:
    """Return the jobs so that each comes after those that it needs."""
    ordered: list[str] = []

    def add(name: str) -> None:
        needs = jobs[name].get("needs", [])
        for needed in [needs] if isinstance(needs, str) else needs:
            add(needed)
        if name not in ordered:
            ordered.append(name)

    for name in jobs:
        add(name)
    return ordered


def rehearse(stage: Stage) -> Iterator[Happened]:
    """Yield what came of every step of the release workflow, up to the first failure."""
    jobs = read_workflow("release.yml")["jobs"]
    for name in order_jobs(jobs):
        if reason := NOT_REHEARSED_JOBS.get(name):
            yield Happened(job=name, step="all of it", how=LEFT_OUT, reason=reason)
            continue
        for happened in Machine(stage, name).run(list_steps(jobs[name])):
            sys.stdout.write(f"--- {happened.job}: {happened.step}: {happened.how}\n")
            sys.stdout.flush()
            yield happened
            if happened.how == FAILED:
                return


def find_losses(stage: Stage, index: Path) -> Iterator[str]:
    """Yield what did not arrive where it was published as it was built."""
    built = stage.folder / "artifacts" / "dist"
    sums = dict(reversed(line.split("  ")) for line in (built / "SHA256SUMS").read_text().splitlines())
    release = stage.folder / "release"
    for place in (index, release):
        for name, digest in sums.items():
            path = place / name
            if not path.exists():
                yield f"{name} is not in {place.name}"
            elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                yield f"{name} in {place.name} is not what was built"
    for name in ("SHA256SUMS", "keyplan.cdx.json", *(f"{name}.sigstore.json" for name in sums)):
        if not (release / name).exists():
            yield f"{name} is not in the release"
    if (release / "NOTES.md").read_text() != (built / "NOTES.md").read_text():
        yield "the notes of the release are not those of the changelog"


@contextmanager
def _prepared(version: str) -> Iterator[tuple[Stage, Path]]:
    """Yield what the machines share, and the folder of the index."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    programs, index = FOLDER / "programs", FOLDER / "index"
    for folder in (programs, index):
        folder.mkdir(parents=True)
    (programs / "gh").write_text(GH)
    (programs / "gh").chmod(0o755)
    origin = make_origin(FOLDER, version)
    missing = [program for program in IMAGE_PROGRAMS if not shutil.which(program)]
    with serving_index(index) as url, TemporaryDirectory(prefix="kp") as machines:
        yield (
            Stage(
                folder=FOLDER,
                machines=Path(machines),
                origin=origin,
                tag=f"v{version}",
                repository=OURS,
                environment={
                    "TWINE_REPOSITORY_URL": url,
                    "TWINE_USERNAME": "rehearsal",
                    "TWINE_PASSWORD": "rehearsal",
                    "NO_PROXY": "127.0.0.1",
                    "REHEARSED_ORIGIN": str(origin),
                    "REHEARSED_SIGNERS": str(FOLDER / "signers"),
                    "REHEARSED_RELEASE": str(FOLDER / "release"),
                },
                overrides={IMAGE_STEP: {"DESTINATION": f"oci-archive:{FOLDER}/image.tar"}},
                left_out={IMAGE_STEP: f"not installed: {', '.join(missing)}"} if missing or os.geteuid() else {},
            ),
            index,
        )


def _run(*argv: str, within: Path = REPOSITORY, **environment: str) -> None:
    subprocess.run(argv, cwd=within, env={**os.environ, **environment}, check=True)


def main() -> int:
    """Return 0 if every step that can be rehearsed worked, and everything arrived."""
    try:
        version = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] else choose_version(REPOSITORY)
        parse_version(version)
    except ReleaseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with _prepared(version) as (stage, index):
        happened = list(rehearse(stage))
        is_done = not any(one.how == FAILED for one in happened)
        losses = list(find_losses(stage, index)) if is_done else ["it ended at the step that failed"]
    sys.stdout.write(f"\nRelease {version}, rehearsed:\n")
    for one in happened:
        sys.stdout.write(f"  {one.how:<14} {one.job}: {one.step}{f' ({one.reason})' if one.reason else ''}\n")
    sys.stdout.write("".join(f"  LOST           {line}\n" for line in losses))
    count = sum(one.how == RAN for one in happened)
    sys.stdout.write(f"{count} scripts of the workflow ran as they are; what came of them is in {FOLDER.name}\n")
    return 1 if losses else 0


if __name__ == "__main__":
    sys.exit(main())
