"""What `make dist` and `make sbom` have left in dist/."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import keyplan

REPOSITORY = Path(__file__).parents[2]
DIST = REPOSITORY / "dist"


@pytest.fixture(scope="session")
def wheel() -> Path:
    """Return the wheel of this version."""
    return _built(f"keyplan-{keyplan.__version__}-py3-none-any.whl", "make dist")


@pytest.fixture(scope="session")
def sdist() -> Path:
    """Return the source distribution of this version."""
    return _built(f"keyplan-{keyplan.__version__}.tar.gz", "make dist")


@pytest.fixture(scope="session")
def sbom() -> Path:
    """Return the bill of materials."""
    return _built("keyplan.cdx.json", "make sbom")


@pytest.fixture(scope="session")
def members(sdist: Path) -> dict[str, tarfile.TarInfo]:
    """Return what the source distribution holds, by name below its only folder."""
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2]: member for member in archive.getmembers()}


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of commands of a new environment that the wheel was installed in."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", str(wheel)], check=True, timeout=300)
    return folder / "bin"


def _built(name: str, target: str) -> Path:
    path = DIST / name
    if not path.exists():
        pytest.skip(f"there is no {name}: run `{target}`")
    return path
