"""The licences of all that keyplan's extras install, compared with `requirements/licences.toml`.

`python -m release.licences`, with tests/ on the path, installs the lock files of core and `all` into an environment of
its own in `.pythons`, and asks pip-licenses, in another one, what is there. Leaves with 1 for any that is not allowed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.utils import canonicalize_name
from release.locks import LOCKS
from release.pythons import make_locked

UNKNOWN = "UNKNOWN"
_SOURCES = ("License-Expression", "License-Classifier", "License-Metadata")
"""As pip-licenses names them, the most exact first."""


def find_licence_problems(packages: list[Mapping[str, str]], rules: Mapping[str, Any]) -> Iterator[str]:
    """Yield each package whose licence is not allowed, and each exception that no package needs."""
    single = {canonicalize_name(name): found for name, (found, _) in rules["packages"].items()}
    needed = set()
    for package in packages:
        name = canonicalize_name(package["Name"])
        licence = next((package[source] for source in _SOURCES if package[source] != UNKNOWN), UNKNOWN)
        if _is_allowed(licence, rules):
            continue
        needed.add(name)
        if single.get(name) != licence:
            yield f"{name} {package['Version']}: the licence {' '.join(licence.split())[:80]!r} is not allowed"
    yield from (f"{name}: needs no exception" for name in sorted(single.keys() - needed))


def _is_allowed(licence: str, rules: Mapping[str, Any]) -> bool:
    """Whether users may choose an allowed licence: of `A OR B` one is enough, of `A AND B` and `A; B` all count."""
    if " OR " in licence:
        return any(_is_allowed(part, rules) for part in licence.strip("()").split(" OR "))
    parts = [part.strip() for part in re.split(r" AND |;", licence)]
    return all(rules["names"].get(part, part.strip("()")) in rules["allowed"] for part in parts)


def read_rules() -> dict[str, Any]:
    """Return the list of what is allowed."""
    return tomllib.loads((LOCKS / "licences.toml").read_text())


def main() -> int:
    """Return 0 if every licence is allowed."""
    everything = make_locked("everything", sys.executable, ("core", "all"))
    tool = make_locked("licences", sys.executable, ("core", "licences"))
    argv = [tool, "-m", "piplicenses", "--python", everything, "--from=all", "--with-system", "--format=json"]
    packages = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
    problems = list(find_licence_problems(packages, read_rules()))
    sys.stdout.write("".join(f"{problem}\n" for problem in problems))
    sys.stdout.write(f"{len(packages)} packages of core and all extras, {len(problems)} problems\n")
    return 1 if problems or not packages else 0


if __name__ == "__main__":
    sys.exit(main())
