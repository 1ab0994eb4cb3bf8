"""Build wheel and sdist twice, as two strangers would; dist/ gets them where both came out the same, byte for byte."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

REPOSITORY = Path(__file__).parents[2]
DIST = REPOSITORY / "dist"
SUMS = "SHA256SUMS"


@dataclass(frozen=True, kw_only=True)
class Builder:
    """A machine and somebody's habits on it."""

    folder: str
    umask: int
    zone: str
    locale: str
    hash_seed: str


BUILDERS = (
    Builder(folder="a", umask=0o022, zone="UTC", locale="C.UTF-8", hash_seed="1"),
    Builder(folder="elsewhere/in a long folder", umask=0o077, zone="Asia/Kolkata", locale="C", hash_seed="2"),
)


def main() -> int:
    """Return 0 where both builds agree; dist/ then holds them and their digests."""
    epoch = _ask_git("log", "-1", "--format=%ct").strip()
    if _ask_git("status", "--porcelain"):
        sys.stderr.write("not all is committed: what is built here no commit can repeat\n")
    with TemporaryDirectory(prefix="keyplan-dist-") as name:
        built = [_build(Path(name), builder, epoch) for builder in BUILDERS]
        sums = [_sum_up(folder) for folder in built]
        if sums[0] != sums[1]:
            sys.stderr.write(f"two builds of the same source differ:\n{sums[0]}\n{sums[1]}")
            return 1
        _keep(built[0])
    (DIST / SUMS).write_text(sums[0])
    sys.stdout.write(f"built twice, alike:\n{sums[0]}")
    return 0


def _ask_git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


def _build(within: Path, builder: Builder, epoch: str) -> Path:
    """Return the folder with the wheel and sdist that a builder gets."""
    source, out = within / builder.folder / "source", within / builder.folder / "out"
    _export(source, builder.umask)
    environment = {
        "PATH": os.environ["PATH"],
        "SOURCE_DATE_EPOCH": epoch,
        "TZ": builder.zone,
        "LC_ALL": builder.locale,
        "PYTHONHASHSEED": builder.hash_seed,
    }
    _add_man_pages(source, environment, builder.umask)
    # No isolation: hatchling comes with the dev extra, and nothing is fetched.
    argv = [sys.executable, "-m", "build", "--no-isolation", f"--outdir={out}", str(source)]
    subprocess.run(argv, env=environment, umask=builder.umask, check=True, stdout=subprocess.DEVNULL)
    return out


def _add_man_pages(source: Path, environment: dict[str, str], umask: int) -> None:
    """Write the man pages into a source, and have its wheel install them where `man` looks."""
    # Not in the repository's own pyproject.toml: hatchling refuses to install from a source that lacks them.
    with (source / "pyproject.toml").open("a") as file:
        file.write('\n[tool.hatch.build.targets.wheel.shared-data]\n"man" = "share/man/man1"\n')
    argv = [sys.executable, str(source / "tests" / "release" / "write_man_pages.py"), str(source / "man")]
    subprocess.run(argv, env={**environment, "PYTHONPATH": str(source)}, umask=umask, check=True)


def _export(target: Path, umask: int) -> None:
    """Copy what git holds, or would if all were added, with the rights that a checkout under this umask gives."""
    for name in filter(None, _ask_git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")):
        source, copy = REPOSITORY / name, target / name
        if not source.is_file():
            continue  # deleted, and not yet committed
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        copy.chmod((0o777 if source.stat().st_mode & stat.S_IXUSR else 0o666) & ~umask)


def _sum_up(folder: Path) -> str:
    """Return the lines of a file for `sha256sum --check`."""
    paths = sorted(folder.iterdir())
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths)


def _keep(built: Path) -> None:
    """Put what was built into dist/, in place of what an earlier build left there."""
    DIST.mkdir(exist_ok=True)
    for old in (*DIST.glob("*.whl"), *DIST.glob("*.tar.gz")):
        old.unlink()
    for path in built.iterdir():
        shutil.copyfile(path, DIST / path.name)


if __name__ == "__main__":
    sys.exit(main())
