"""Build the site: `python -m website.build [FOLDER]`, by default into build/site. Whatever is wrong fails the build."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from website.nav import ROOT
from website.source import Source

SITE = ROOT / "build" / "site"


def build(folder: Path, *, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Build the site of a checkout into a folder, and return what Sphinx said; it is not 0 if anything is wrong."""
    source = folder.with_name(f"{folder.name}-source")
    for place in (source, folder):
        shutil.rmtree(place, ignore_errors=True)
    Source(root).write(source)
    return run_sphinx(source, folder)


def run_sphinx(source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build pages that are written already."""
    command = [sys.executable, "-m", "sphinx", "--builder", "html"]
    command += ["--fail-on-warning", "--keep-going", "--nitpicky", "--quiet", "--jobs", "2", "--fresh-env"]
    command += ["--conf-dir", str(Path(__file__).parent / "theme"), "--doctree-dir", f"{folder}-trees"]
    try:
        return subprocess.run(
            [*command, str(source), str(folder)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(f"{folder}-trees", ignore_errors=True)


def main() -> int:
    """Return 0 if the site is built and nothing is wrong with it."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else SITE
    problems = Source(ROOT).nav.problems
    for problem in problems:
        sys.stderr.write(f"error: {problem}\n")
    if problems:
        return 1
    done = build(folder)
    sys.stderr.write(done.stdout + done.stderr)
    if done.returncode == 0:
        sys.stdout.write(f"Built {folder}: open {folder / 'index.html'}\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
