"""Takes a picture of the page that `keyplan report` writes about keys in the sandbox, in a real Chromium.

python -m pictures.report docs/pictures/report.png
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from browser.pages import CHROMIUM
from e2e.terminal import COMMAND, Terminal
from playwright.sync_api import sync_playwright

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

LARGEST = 200_000
"""Bytes of a picture that a README loads."""
WIDTH, HEIGHT = 1280, 800
MANIFEST = """\
version: 1
owner: ml-platform
id: k7f3a9c2
provider: {{base_url: "{url}", api: beta}}
sinks:
  local: {{type: file, path: "secrets/{{name}}.key"}}
defaults: {{sink: local}}
keys:
  - {{name: ci, key_type: user, description: Used by CI}}
  - {{name: ingest, key_type: service, space: production, expires_in: 90d,
     rotation: {{every: 30d, overlap: 5d}}}}
  - {{name: batch, key_type: service, space: production, rotation: {{every: 45d, overlap: 7d}}}}
  - {{name: notebook, key_type: service, space: staging, expires_in: 60d, rotation: {{before_expiry: 20d}}}}
  - {{name: audit, key_type: service, space: production, expires_in: 40d, rotation: {{before_expiry: 10d}},
     protect: true}}
{more}"""
NEW = "  - {name: evaluation, key_type: service, space: staging, expires_in: 90d}\n"


def make_report(folder: Path) -> Path:
    """Return the page of a real run: keys in order, one whose secret is lost, one that is new, one made by hand."""
    with running(SandboxOptions(api="beta")) as sandbox:
        terminal = Terminal(folder=folder, url=sandbox.url, credential=sandbox.credential, api="beta")
        manifest = folder / "keys.yaml"
        manifest.write_text(MANIFEST.format(url=sandbox.url, more=""))
        _run(terminal, "apply", "--auto-approve")
        (folder / "secrets" / "batch.key").unlink()
        terminal.call("POST", "api-keys", {"name": "laptop of ada", "key_type": "USER"})
        manifest.write_text(MANIFEST.format(url=sandbox.url, more=NEW))
        _run(terminal, "report", "--out", "report.html")
    return folder / "report.html"


def _run(terminal: Terminal, *arguments: str) -> None:
    ended = terminal.run(*arguments)
    if ended.returncode:
        raise SystemExit(f"{COMMAND} {' '.join(arguments)}: {ended.stdout}{ended.stderr}")


def take_picture(page: Path, picture: Path) -> None:
    """Write what a page looks like."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        tab.goto(page.as_uri())
        tab.screenshot(path=picture, full_page=True)
        chromium.close()


def main() -> None:
    """Write the picture into the file that is named."""
    picture = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        take_picture(make_report(Path(name)), picture)
    size = picture.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{picture} has {size:,} bytes; {LARGEST:,} are the most")


if __name__ == "__main__":
    try:
        main()
    except subprocess.TimeoutExpired as error:
        raise SystemExit(str(error)) from error
