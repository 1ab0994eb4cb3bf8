"""The lock files: `requirements/build.lock`, `requirements/core.lock`, and one more for each extra.

Each pins what its part of pyproject.toml brings, with all it needs in turn, and the digests of every file of each
release. What `core.lock` pins is in no other file. `python tests/release/locks.py` writes them, all from one
resolution, so that any of them can be installed together; it names no index, so that they hold for a mirror as well.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
LOCKS = REPOSITORY / "requirements"
HEADER = "# Written by `make lock`; see docs/installation.md.\n"
EDITABLE = "editables>=0.5"
"""What hatchling needs beside itself to install a checkout in place."""

_PIN = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[0-9][\w.!+]*)(?: ; (?P<marker>[^\\@#]+?))?(?P<more> \\)?"
)
_DIGEST = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?P<more> \\)?")


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One release of one package, for the environments that its marker names."""

    name: str
    version: str
    marker: str
    lines: tuple[str, ...]
    """As the file has them: the pin, then a digest each."""

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


class LockFormatError(ValueError):
    """A line that is neither a pin nor a digest: an index, an address or a path, which a lock must not name."""


def read_pins(text: str) -> Iterator[Pin]:
    """Yield the pins of a lock file. Raises LockFormatError for anything else in it."""
    block: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        found = (_DIGEST if block else _PIN).fullmatch(line)
        if found is None:
            raise LockFormatError(f"line {number} is neither a pin nor a digest: {line}")
        block.append(line)
        if not found["more"]:
            yield _make_pin(block)
            block = []
    if block:
        raise LockFormatError(f"the file ends within {block[0]}")


def _make_pin(block: list[str]) -> Pin:
    found = _PIN.fullmatch(block[0])
    if found is None or len(block) == 1:
        raise LockFormatError(f"there is no digest of {block[0]}")
    return Pin(name=found["name"], version=found["version"], marker=found["marker"] or "", lines=tuple(block))


def list_requirements(project: Mapping[str, Any]) -> dict[str, list[Requirement]]:
    """Return what each lock file is for: its name without the ending, and the requirements that it must satisfy."""
    extras = project["project"]["optional-dependencies"]
    return {
        "build": [*map(Requirement, project["build-system"]["requires"]), Requirement(EDITABLE)],
        "core": [*map(Requirement, project["project"]["dependencies"])],
        **{extra: list(_expand(extra, extras)) for extra in extras},
    }


def _expand(extra: str, extras: Mapping[str, list[str]]) -> Iterator[Requirement]:
    """Yield what an extra requires; one that names keyplan's own extras stands for theirs."""
    for requirement in map(Requirement, extras[extra]):
        if requirement.name == "keyplan":
            for named in sorted(requirement.extras):
                yield from _expand(named, extras)
        else:
            yield requirement


def find_problems(project: Mapping[str, Any], texts: Mapping[str, str]) -> Iterator[str]:
    """Yield why lock files, given by name, do not fit a pyproject.toml. Needs no network.

    What a locked package needs in turn is not looked at: pip refuses to install from locks that lack it.
    """
    wanted = list_requirements(project)
    yield from (f"{name}.lock is missing" for name in sorted(wanted.keys() - texts.keys()))
    yield from (f"{name}.lock is for an extra that is not there" for name in sorted(texts.keys() - wanted.keys()))
    pins: dict[str, list[Pin]] = {}
    for name in sorted(wanted.keys() & texts.keys()):
        try:
            pins[name] = list(read_pins(texts[name]))
        except LockFormatError as error:
            yield f"{name}.lock: {error}"
    core = pins.get("core", [])
    for name, own in pins.items():
        beside = [] if name in ("build", "core") else core
        yield from (f"{name}.lock: {problem}" for problem in _find_misfits(wanted[name], [*own, *beside]))
        yield from (f"{name}.lock: {pin} is in core.lock" for pin in own if pin.name in {one.name for one in beside})
    yield from _find_disagreements(pins)


def _find_misfits(requirements: list[Requirement], pins: list[Pin]) -> Iterator[str]:
    for requirement in requirements:
        found = [pin for pin in pins if pin.name == canonicalize_name(requirement.name)]
        if not found:
            yield f"{requirement.name} is not locked"
        yield from (
            f"{pin} does not fit {requirement}"
            for pin in found
            if not requirement.specifier.contains(pin.version, prereleases=True)
        )


def _find_disagreements(pins: Mapping[str, list[Pin]]) -> Iterator[str]:
    """Yield what two files pin to different releases, or with different digests."""
    seen: dict[tuple[str, str], Pin] = {}
    for name, own in pins.items():
        for pin in own:
            other = seen.setdefault((pin.name, pin.marker), pin)
            if other.lines != pin.lines:
                yield f"{name}.lock: {pin} is locked differently elsewhere, as {other}"


def read_locks(folder: Path) -> dict[str, str]:
    """Return the text of each lock file in a folder, by its name without the ending."""
    return {path.stem: path.read_text() for path in folder.glob("*.lock")}


def read_project(path: Path = REPOSITORY / "pyproject.toml") -> dict[str, Any]:
    """Return a pyproject.toml."""
    return tomllib.loads(path.read_text())


def _compile(folder: Path, *options: str | Path) -> str:
    uv = [Path(sys.executable).with_name("uv"), "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    plain = ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--no-config"]
    lowest = read_project()["project"]["requires-python"].removeprefix(">=")
    argv = [*uv, *plain, "--python-version", lowest, "--output-file", folder / "compiled.txt", *options]
    # Into a file of its own each time: an output that exists is what uv prefers its versions from.
    (folder / "compiled.txt").unlink(missing_ok=True)
    subprocess.run(argv, cwd=REPOSITORY, check=True)
    return (folder / "compiled.txt").read_text()


def write_locks() -> None:
    """Resolve everything at once to the newest releases that fit, then write each file's part of it."""
    wanted = list_requirements(read_project())
    with TemporaryDirectory(prefix="keyplan-locks-") as name:
        folder = Path(name)
        build = folder / "build.in"
        build.write_text("".join(f"{requirement}\n" for requirement in wanted["build"]))
        everything = folder / "everything.txt"
        everything.write_text(_compile(folder, "pyproject.toml", "--all-extras", build))
        constrained = ("--constraint", everything)
        locks = {
            "build": _compile(folder, build, *constrained),
            "core": _compile(folder, "pyproject.toml", *constrained),
        }
        for extra in sorted(wanted.keys() - locks.keys()):
            locks[extra] = _compile(folder, "pyproject.toml", "--extra", extra, *constrained)
    core = {pin.name for pin in read_pins(locks["core"])}
    LOCKS.mkdir(exist_ok=True)
    for old in LOCKS.glob("*.lock"):
        old.unlink()
    for name, text in locks.items():
        kept = [pin for pin in read_pins(text) if name in ("build", "core") or pin.name not in core]
        body = "".join(f"{line}\n" for pin in kept for line in pin.lines)
        (LOCKS / f"{name}.lock").write_text(HEADER + body)


def main(arguments: list[str]) -> int:
    """Write the lock files, or with --check return 1 if they do not fit pyproject.toml."""
    if "--check" not in arguments:
        write_locks()
    problems = list(find_problems(read_project(), read_locks(LOCKS)))
    sys.stderr.write("".join(f"{problem}: run `make lock`\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
