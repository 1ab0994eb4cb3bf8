"""`keyplan demo`: the whole tour, on a sandbox in this process and a folder that is gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from keyplan.app.files import save_privately
from keyplan.cli.main import run
from keyplan.cli.options import option
from keyplan.cli.sandbox_server import sandbox_server
from keyplan.cli.session import Session
from keyplan.sandbox.options import SandboxOptions

_MANIFEST = """\
version: 1
owner: demo
id: x3u7e1lo
provider: {{base_url: "{url}", api: {api}, credential: {{file: credential.txt}}}}
sinks:
  local: {{type: file, path: "secrets/{{name}}.env", format: dotenv, variable: ARIZE_API_KEY}}
defaults: {{sink: local}}
keys:
  - name: my-user-key
    key_type: user
    description: Used for CI pipeline
  - name: my-service-key
    key_type: service
    space: production
    expires_in: 90d
"""
_STEPS = (
    ("plan", "keys.yaml"),
    ("apply", "keys.yaml", "--auto-approve"),
    ("plan", "keys.yaml"),
)


@click.command("demo")
@option(
    "--api",
    variable="DEMO_API",
    type=click.Choice(["alpha", "beta"]),
    default="beta",
    show_default=True,
    help="The generation of the API to use.",
)
@click.pass_obj
def command(session: Session, *, api: str) -> int:
    """Run plan and apply on a sandbox, from start to finish.

    Starts a local Arize API, writes a manifest with a user key and a service key in a temporary folder, runs plan,
    apply, and plan again, and shows the delivered files with their values masked. Nothing else is changed. Needs:
    pip install 'keyplan[sandbox]'

    \b
    Example:
      keyplan demo --api alpha
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    options = SandboxOptions(api="alpha" if api == "alpha" else "beta")
    with (
        sandbox_server() as server,
        TemporaryDirectory(prefix="keyplan-demo-") as name,
        server.running(options) as sandbox,
    ):
        folder = Path(name)
        save_privately(folder / "credential.txt", f"{sandbox.credential}\n".encode())
        # Nothing of the caller's environment may lead the demo to a real account.
        inside = replace(session, folder=folder, environment={})
        return _tour(inside, _MANIFEST.format(url=sandbox.url, api=api))


def _tour(session: Session, manifest: str) -> int:
    (session.folder / "keys.yaml").write_text(manifest)
    session.screen.answer(f"$ cat keys.yaml\n{manifest}")
    for step in _STEPS:
        session.screen.answer(f"\n$ keyplan {' '.join(step)}\n")
        status = run(step, session)
        if status:
            return status
    session.screen.answer("\n$ cat secrets/*    (values masked)\n")
    session.screen.answer("".join(f"{line}\n" for line in _show_masked(session.folder / "secrets")))
    return 0


def _show_masked(folder: Path) -> Iterator[str]:
    """Yield the lines of all delivered files, each value as so many stars."""
    for path in sorted(folder.glob("*.env")):
        for line in path.read_text().splitlines():
            variable, _, value = line.partition("=")
            yield f"{folder.name}/{path.name}: {variable}={'*' * len(value)}"
