"""Prove the sandbox by the vendor's own SDKs: `python tests/official_sdk/run.py`, in keyplan's environment.

Each SDK gets an environment of its own under `.contract/`, made once and used again, and drives a sandbox of the
matching generation, under a new and under the same id on refresh. Leaves with 1 if any call fails. Not part of
pytest, since it installs packages.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parents[1] / ".contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """An SDK, and the generation that it must get on with."""

    api: Literal["alpha", "beta"]
    version: str


CONTRACTS = (Contract(api="alpha", version="8.10.0"), Contract(api="beta", version="8.61.0"))


def environment(version: str) -> Path:
    """Return the interpreter of an environment that has this SDK, made where it is missing."""
    folder = ENVIRONMENTS / f"arize-{version}"
    python = folder / "bin" / "python"
    if not python.exists() or installed(python) != version:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"arize=={version}"], check=True)
    return python


def installed(python: Path) -> str:
    """Return the version of the SDK in an environment; empty if there is none."""
    question = "import importlib.metadata as m; print(m.version('arize'))"
    answer = subprocess.run([python, "-c", question], check=False, capture_output=True, text=True)
    return answer.stdout.strip()


def prove(contract: Contract, refresh_id: Literal["new", "same"]) -> bool:
    """Run a driver against a fresh sandbox, and return whether every call held."""
    sys.stdout.write(f"\narize {contract.version} on the {contract.api} sandbox, {refresh_id} id on refresh\n")
    sys.stdout.flush()
    python = environment(contract.version)
    with running(SandboxOptions(api=contract.api, refresh_id=refresh_id)) as sandbox:
        # Only what the SDK needs: a proxy or an ARIZE_* variable of the caller would lead it elsewhere.
        variables = {"PATH": os.environ["PATH"], "HOME": str(ENVIRONMENTS), "ARIZE_LOG_LEVEL": "ERROR"}
        variables["ARIZE_API_KEY"] = sandbox.credential
        driver = HERE / f"drive_{contract.api}.py"
        command = [python, driver, sandbox.url.removeprefix("http://")]
        return subprocess.run(command, check=False, env=variables).returncode == 0


def main() -> None:
    """Prove every contract and leave with 0 if all held."""
    held = [prove(contract, refresh_id) for contract in CONTRACTS for refresh_id in ("new", "same")]
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
