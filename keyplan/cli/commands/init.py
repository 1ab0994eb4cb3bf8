"""`keyplan init`: a manifest to start from."""

from __future__ import annotations

import re

import click

from keyplan.app.files import save_new
from keyplan.cli.options import argument, option
from keyplan.cli.session import Session
from keyplan.renderers.sanitize import sanitize

_OWNER_RULE = r"[a-z0-9][a-z0-9._-]{0,62}"

TEMPLATE = """\
# The Arize API keys that should exist. See what would be done with: keyplan plan
version: 1
owner: {owner}              # a slug; marks the keys that this manifest manages. Never share it between manifests.

provider:
  type: arize
  # region: eu-west-1a             # or base_url: https://api.arize.com, which is the default
  credential: {{env: ARIZE_API_KEY}} # or {{file: PATH}}, or {{command: [PROGRAM, ARGUMENT]}}; never the key itself

# Where new raw keys go. The path is relative to this file, and must not be tracked by git.
sinks:
  local: {{type: file, path: "secrets/{{name}}.env", format: dotenv, variable: ARIZE_API_KEY}}

# Any field of a key but its name.
defaults:
  sink: local

# More deletes than this are refused, unless you say --allow-deletes N.
limits: {{deletes: 5, delete_percent: 30}}

# Unmanaged keys, which the manifest does not declare: ignore, report or fail. They are never touched.
unmanaged: report

keys:
  - name: my-user-key
    key_type: user
    description: Used for CI pipeline

  # A service key belongs to a space.
  # - name: my-service-key
  #   key_type: service
  #   space: production              # by name, or space_id: the id
  #   expires_in: 90d                # or expires_at: 2027-01-01T00:00:00Z
"""


@click.command("init")
@argument("file", default="keys.yaml", metavar="[FILE]")
@option("--owner", default="my-team", show_default=True, help="Slug that marks the keys of the new manifest.")
@click.pass_obj
def command(session: Session, *, file: str, owner: str) -> int:
    """Write a commented manifest to start from.

    Writes FILE (keys.yaml where none is named) and never overwrites one.

    \b
    Example:
      keyplan init --owner ml-platform
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    if not re.fullmatch(_OWNER_RULE, owner):
        raise click.BadParameter("1 to 63 of a-z 0-9 . _ - and first a letter or digit", param_hint="--owner")
    save_new(session.folder / file, TEMPLATE.format(owner=owner).encode())
    session.screen.answer(f"Wrote {sanitize(file)}. Look at what it would do: keyplan plan {sanitize(file)}\n")
    session.screen.say(
        "Keep raw keys and the ledger out of git; .gitignore needs these lines:\n  secrets/\n  .keyplan/"
    )
    return 0
