"""Known vulnerabilities of what the lock files of core, extras and build pin, as pip-audit finds them.

`python -m release.audit`, with tests/ on the path; further arguments are pip-audit's. It asks a service on the network
for each release. A release that the service does not know counts as a failure: silence is not an answer. What the
locks pin for other systems alone is asked for as well.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from release.locks import LOCKS, Pin, read_locks, read_pins
from release.pythons import make_locked

AUDITED = ("build", "core", "all")
"""What reaches users: tools for development are not asked for."""


def write_requirements(pins: Iterable[Pin]) -> str:
    """Return pins as a file that pip-audit reads: each release once, whatever its marker, with its digests."""
    found: dict[str, list[str]] = {}
    for pin in pins:
        found.setdefault(str(pin), [f"{pin} \\", *pin.lines[1:]])
    return "".join(f"{line}\n" for lines in found.values() for line in lines)


def main(arguments: Sequence[str]) -> int:
    """Return pip-audit's exit status: 1 if anything is known to be vulnerable, or could not be asked for."""
    tool = make_locked("audit", sys.executable, ("core", "audit"))
    texts = read_locks(LOCKS)
    with TemporaryDirectory(prefix="keyplan-audit-") as name:
        requirements = Path(name) / "requirements.txt"
        requirements.write_text(write_requirements(pin for lock in AUDITED for pin in read_pins(texts[lock])))
        argv = [tool, "-m", "pip_audit", "--strict", "--disable-pip", "--require-hashes", "--progress-spinner=off"]
        return subprocess.run([*argv, "--requirement", requirements, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
