"""Hold the README's help block against what `keyplan --help` prints; with --write, put it there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"(?<=<!-- help -->\n```text\n).*?(?=\n```\n<!-- /help -->)", re.DOTALL)


def show_help() -> str:
    """Return what the installed command prints."""
    environment = {"PATH": str(Path(sys.executable).parent), "COLUMNS": "100", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    command = [Path(sys.executable).with_name("keyplan"), "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()


def main() -> int:
    """Return 0 where both agree, or were made to."""
    text, wanted = README.read_text(), show_help()
    written = BLOCK.search(text)
    if written is None:
        sys.stderr.write("README.md has no help block\n")
        return 1
    if "--write" in sys.argv:
        README.write_text(BLOCK.sub(lambda _: wanted, text))
        return 0
    if written.group() != wanted:
        sys.stderr.write("README.md does not show what `keyplan --help` prints: run `make format`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
