"""Records a session at a terminal as SVG: a real run of real commands against the sandbox.

    python -m pictures.session docs/pictures/session.svg

Nothing of it is written by hand. `test_session` runs the commands again and compares what they say with the picture.
"""

from __future__ import annotations

import html
import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from documentation.pages import drop_notice
from e2e.terminal import COMMAND
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

MANIFEST = """\
version: 1
owner: ml-platform
id: k7f3a9c2
sinks:
  local: {type: file, path: "secrets/{name}.key"}
defaults: {sink: local}
keys:
  - {name: ci, key_type: user, description: Used by CI}
  - {name: ingest, key_type: service, space: production, expires_in: 90d}
"""
COMMANDS = ("keyplan plan", "keyplan apply --auto-approve", "keyplan plan")
WIDTH = 100

# What differs between two runs, and what stands for it where two of them are compared.
_VARYING = (
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://SANDBOX"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"), "TIME"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "DIGEST"),
    (re.compile(r"\b(?=\S*[A-Z])(?=\S*\d)[A-Za-z0-9+…]{8,}={0,2}"), "ID"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:s|ms|seconds?)\b"), "TAKEN"),
)
_LINE = re.compile(r'<text class="terminal-[^"]*" [^>]*clip-path="url\(#terminal-line-(\d+)\)">(.*?)</text>')


def run_session() -> str:
    """Return what a terminal shows, with its colours: each command after a prompt, then what it said."""
    shown = []
    with tempfile.TemporaryDirectory() as name, running(SandboxOptions(api="beta")) as sandbox:
        folder = Path(name)
        (folder / "keys.yaml").write_text(MANIFEST)
        environment = {
            "PATH": f"{COMMAND.parent}:/usr/bin:/bin",
            "HOME": name,
            "ARIZE_API_KEY": sandbox.credential,
            "ARIZE_API_HOST": sandbox.url.removeprefix("http://"),
            "ARIZE_API_SCHEME": "http",
            "FORCE_COLOR": "1",
            "COLUMNS": str(WIDTH),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }
        for command in COMMANDS:
            ended = subprocess.run(
                command.split(),
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
                check=True,
            )
            shown.append(f"\x1b[1m$ {command}\x1b[0m\n{drop_notice(ended.stdout)}")
    return "\n".join(shown)


def draw_session(shown: str) -> str:
    """Return the picture of what a terminal shows. It loads nothing: fonts are those of the reader's machine."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), legacy_windows=False)
    console.print(Text.from_ansi(shown.rstrip("\n")), soft_wrap=False)
    form = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    form = form.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace").replace(
        "arial", "sans-serif"
    )
    picture = console.export_svg(title="keyplan", code_format=form, unique_id="terminal")
    return re.sub(r"[ \t]+$", "", picture, flags=re.MULTILINE)


def read_session(picture: str) -> str:
    """Return the text of a picture, line by line, with a word for what differs between two runs."""
    lines: dict[int, str] = {}
    for number, text in _LINE.findall(picture):
        lines[int(number)] = lines.get(int(number), "") + html.unescape(text).replace("\xa0", " ")
    text = "\n".join(line.rstrip() for _, line in sorted(lines.items()) if line.strip())
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


def main() -> None:
    """Write the picture of a session into the file that is named."""
    Path(sys.argv[1]).write_text(draw_session(run_session()))


if __name__ == "__main__":
    main()
