"""Write dist/keyplan.cdx.json: what an installation of the wheel in dist/ consists of, in CycloneDX.

Its argument names extras (`vault,age`). The document has no serial number, and the time of the commit, so that the
same packages give the same bytes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

REPOSITORY = Path(__file__).parents[2]
SBOM = REPOSITORY / "dist" / "keyplan.cdx.json"
SPECIFICATION = "1.6"


def main() -> int:
    """Return 0 once the document is written, and valid."""
    wheels = [*(REPOSITORY / "dist").glob("keyplan-*.whl")]
    if len(wheels) != 1:
        sys.stderr.write(f"dist/ holds {len(wheels)} wheels: run `make dist`\n")
        return 1
    extras = sorted(set(",".join(sys.argv[1:]).split(",")) - {""})
    with TemporaryDirectory(prefix="keyplan-sbom-") as name:
        python = _install(Path(name) / "installed", f"{wheels[0]}[{','.join(extras)}]" if extras else str(wheels[0]))
        described = _describe_root(Path(name) / "pyproject.toml", version=wheels[0].name.split("-")[1])
        _write(described, python)
    sys.stdout.write(f"wrote {SBOM.relative_to(REPOSITORY)} of keyplan {' '.join(extras)}".rstrip() + "\n")
    return 0


def _install(folder: Path, requirement: str) -> Path:
    """Return the Python of a new environment that has this requirement and nothing that installs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", requirement], check=True)
    return python


def _describe_root(path: Path, *, version: str) -> Path:
    """Return a copy of pyproject.toml that states the version, which ours leaves to the build."""
    text, dynamic = (REPOSITORY / "pyproject.toml").read_text(), 'dynamic = ["version"]'
    if dynamic not in text:
        raise SystemExit("pyproject.toml leaves no version to the build: this script need not write one")
    path.write_text(text.replace(dynamic, f'version = "{version}"'))
    return path


def _write(described: Path, python: Path) -> None:
    asked = ["git", "log", "-1", "--format=%ct"]
    epoch = subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.strip()
    tool = Path(sys.executable).with_name("cyclonedx-py")
    argv = [tool, "environment", "--validate", "--output-reproducible", "--sv", SPECIFICATION, "--pyproject", described]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    subprocess.run([*argv, "--output-file", SBOM, python], env=environment, check=True)


if __name__ == "__main__":
    sys.exit(main())
