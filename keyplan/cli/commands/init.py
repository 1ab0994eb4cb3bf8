"""`keyplan init`: a manifest to start from."""

from __future__ import annotations

import click

from keyplan.app.discovery import refuse_second_manifest
from keyplan.app.files import save_new
from keyplan.app.identity import derive_owner, is_owner, new_manifest_id
from keyplan.cli.options import argument, option
from keyplan.cli.session import Session
from keyplan.documents import schemas
from keyplan.manifest.scalars import write_scalar
from keyplan.renderers.sanitize import sanitize

TEMPLATE = """\
# The Arize API keys that should exist. See what would be done with: keyplan plan
version: 1

# Both mark the keys that this manifest manages: no other manifest may have the same owner and id.
owner: {owner}
id: {id}

provider:
  type: arize
  # region: eu-west-1a             # or base_url: https://api.arize.com, which is the default
  credential: {{env: ARIZE_API_KEY}} # or {{file: PATH}}, or {{command: [PROGRAM, ARGUMENT]}}; never the key itself

# Where new raw keys go. The path is relative to this file, and must not be tracked by git.
sinks:
  local: {{type: file, path: "secrets/{{name}}.env", format: dotenv, variable: ARIZE_API_KEY}}

# Any field of a key but its name and import.
defaults:
  sink: local

# More deletes than this are refused, unless you say --allow-deletes N; and more unscheduled renewals than this.
limits: {{deletes: 5, delete_percent: 30, replaces: 10, replace_percent: 30}}

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
@option("--owner", help="Slug that marks the keys of the new manifest; without it, the repository's name.")
@click.pass_obj
def command(session: Session, *, file: str, owner: str | None) -> int:
    """Write a commented manifest to start from.

    Writes FILE (default: keys.yaml) and never overwrites an existing file. Without --owner, the owner is the name
    of the git repository at the remote 'origin', or the name of the folder if there is no such remote. The id is
    random.

    \b
    Example:
      keyplan init --owner ml-platform
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    path = session.folder / file
    if owner is None:
        owner = derive_owner(path.parent, session.environment)
        if not owner:
            raise click.UsageError("neither git nor the folder gives an owner; name one: keyplan init --owner OWNER")
    elif not is_owner(owner):
        raise click.BadParameter("1 to 63 of a-z 0-9 . _ - and first a letter or digit", param_hint="--owner")
    refuse_second_manifest(file, session.context)
    # An owner such as 2024 would be read as a number.
    text = TEMPLATE.format(owner=write_scalar(owner), id=new_manifest_id())
    save_new(path, f"{schemas.modeline()}\n{text}".encode())
    session.screen.answer(f"Wrote {sanitize(file)}. Look at what it would do: keyplan plan {sanitize(file)}\n")
    session.screen.say(
        "Keep raw keys and the ledger out of git; .gitignore needs these lines:\n  secrets/\n  .keyplan/"
    )
    return 0
