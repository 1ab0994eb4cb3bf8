"""`keyplan export`: a manifest of the keys that exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from keyplan.app.export import (
    AccountKeys,
    ExportFilter,
    ManifestText,
    SplitBy,
    make_manifests,
    survey_account,
    survey_manifest,
)
from keyplan.app.files import read_policies, require_folder, save_new
from keyplan.app.identity import derive_owner, is_owner
from keyplan.app.list import open_named_provider
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import option, policy_option
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.cli.word_sources import complete_spaces
from keyplan.errors import InputError
from keyplan.model.manifest import KeyType
from keyplan.model.mask import hide
from keyplan.model.observation import ScopeSurvey
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.text.inventory import describe_refused
from keyplan.renderers.words import format_count

_FILE = "keys.yaml"


@click.command("export")
@option("--owner", help="Slug that marks the keys of the new manifest; without it, the repository's name.")
@option(
    "--space",
    "spaces",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_spaces,
    help="Only service keys of this space. Repeatable.",
)
@option(
    "--key-type",
    type=click.Choice([kind.value for kind in KeyType], case_sensitive=False),
    help="Only keys of this type.",
)
@option("--name", "names", multiple=True, metavar="GLOB", help="Only keys whose name matches this pattern. Repeatable.")
@option("--created-by", "creators", multiple=True, metavar="ID", help="Only keys of this creator. Repeatable.")
@option(
    "--split-by",
    type=click.Choice([one.value for one in SplitBy], case_sensitive=False),
    help="Write one manifest for each; needs --out.",
)
@option(
    "--manifest",
    variable="EXPORT_MANIFEST",
    metavar="FILE",
    help="Export the keys of every provider that this manifest names.",
)
@option("--out", metavar="DIR", help="Write to keys.yaml in this folder. [default: to stdout]")
@option("--base-url", metavar="URL", help="The provider's base URL.")
@option("--region", help="The provider's region.")
@option("--api", type=click.Choice(["auto", "alpha", "beta"]), help="The generation of the API to use.")
@policy_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    owner: str | None,
    spaces: tuple[str, ...],
    key_type: str | None,
    names: tuple[str, ...],
    creators: tuple[str, ...],
    split_by: str | None,
    manifest: str | None,
    out: str | None,
    base_url: str | None,
    region: str | None,
    api: str | None,
    policies: tuple[str, ...],
) -> int:
    """Write a manifest of the keys that exist; change nothing.

    Each key is declared with the line import: KEY_ID, so that plan shows only imports. Keys that cannot be declared
    are written as comments with the reason. Raw keys are neither read nor written.

    With --split-by, each space or creator gets a folder with a manifest and an owner of its own.

    \b
    Examples:
      keyplan export > keys.yaml
      keyplan export --owner acme --split-by space --out teams
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    if split_by and out is None:
        raise click.UsageError("--split-by writes several files; name their folder with --out DIR")
    overrides = {"base_url": base_url, "region": region, "api": api}
    given = {name: value for name, value in overrides.items() if value is not None}
    if manifest and given:
        raise click.UsageError("the options of a provider stand in the manifest: leave them out beside --manifest")
    wanted = ExportFilter(
        key_type=KeyType(key_type) if key_type else None, spaces=spaces, names=names, creators=frozenset(creators)
    )
    chosen = _choose_owner(session, owner, session.folder / out if out is not None else session.folder)
    if out is not None:
        require_folder(session.folder / out)
        _refuse_to_overwrite([] if split_by else [session.folder / out / _FILE])
    account = _survey(session, (manifest, policies) if manifest else None, given, wanted)
    manifests = make_manifests(account, owner=chosen, provider=given, split_by=SplitBy(split_by) if split_by else None)
    if out is None:
        session.screen.answer(manifests[0].text)
    else:
        _save(session, manifests, out)
    _summarize(session, manifests, [one.survey for one in account.all], out)
    return 0


def _survey(
    session: Session, manifest: tuple[str, tuple[str, ...]] | None, given: Mapping[str, str], wanted: ExportFilter
) -> AccountKeys:
    context = session.context
    with show_waiting(session.screen, "Listing keys"):
        if manifest:
            named, policies = manifest
            return survey_manifest(context, named, wanted, policies=read_policies(policies, context))
        return survey_account(open_named_provider(context, given), wanted, context.wiring.clock.now())


def _choose_owner(session: Session, owner: str | None, folder: Path) -> str:
    if owner is not None:
        if not is_owner(owner):
            raise click.BadParameter("1 to 63 of a-z 0-9 . _ - and first a letter or digit", param_hint="--owner")
        return owner
    derived = derive_owner(folder if folder.is_dir() else session.folder, session.environment)
    if not derived:
        raise click.UsageError("neither git nor the folder gives an owner; name one: keyplan export --owner OWNER")
    return derived


def _refuse_to_overwrite(paths: Iterable[Path]) -> None:
    if there := [path for path in paths if path.exists()]:
        raise InputError(f"{there[0]} exists already", advice="name another folder with --out, or move the file away")


def _save(session: Session, manifests: tuple[ManifestText, ...], out: str) -> None:
    """Write each manifest to a file of its own, or none of them. Raises InputError."""
    paths = {session.folder / out / one.manifest.folder / _FILE: one for one in manifests}
    _refuse_to_overwrite(paths)
    for path, one in paths.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{path.parent} cannot be made: {error.strerror}") from error
        save_new(path, hide(one.text).encode())
        session.screen.answer(f"Wrote {sanitize(str(path.relative_to(session.folder)), width=1000)}\n")


def _summarize(
    session: Session, manifests: tuple[ManifestText, ...], surveys: Iterable[ScopeSurvey | None], out: str | None
) -> None:
    declared, total = sum(one.declared for one in manifests), sum(len(one.manifest.keys) for one in manifests)
    withheld = f"; {total - declared} written as comments that say why not" if total > declared else ""
    session.screen.say(f"{format_count(declared, 'key')} declared{withheld}.")
    for refused in filter(None, map(describe_refused, surveys)):
        session.screen.say(refused)
    manifest = sanitize(out, width=1000) if out is not None else _FILE
    session.screen.say(
        f"Nothing was changed. Say under 'sinks' where the raw keys are today, then: keyplan plan {manifest}\n"
        "Keep raw keys and the ledger out of git; .gitignore needs these lines:\n  secrets/\n  .keyplan/"
    )
