"""A manifest and where it stands: which file is meant, and which folder and ledger belong to it."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from keyplan.app.files import STDIN, Input, read_input, read_manifest
from keyplan.cli.session import Session
from keyplan.errors import InputError, ManifestError, Problem
from keyplan.model.manifest import Manifest
from keyplan.model.plan import Plan
from keyplan.model.policy import Policy
from keyplan.planner.policy import match_patterns

DEFAULT_MANIFESTS = ("keys.yaml", "keyplan.yaml")
_LEDGER = Path(".keyplan", "ledger.db")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A manifest, and where it stands."""

    manifest: Manifest
    folder: Path
    """Absolute; relative paths of the manifest start here."""
    ledger: Path
    """Absolute; it need not exist."""


def list_default_manifests(session: Session) -> list[str]:
    """Return which of the default manifests are there, the one to use first."""
    return [name for name in DEFAULT_MANIFESTS if (session.folder / name).exists()]


def find_manifests(named: Sequence[str], session: Session) -> tuple[str, ...]:
    """Return the names of all files that are meant, each once: a folder stands for the manifests in and below it.

    Raises InputError where none is named and none is there, or where a folder holds none.
    """
    found = [name for one in named for name in _look_into(one, session)] or [find_manifest(None, session)]
    return tuple(dict.fromkeys(found))


def find_manifest(named: str | None, session: Session) -> str:
    """Return the name of the manifest to use. Raises InputError where none is named and none is there."""
    found = [named] if named is not None else list_default_manifests(session)
    if not found:
        raise InputError(
            f"no manifest: neither {' nor '.join(DEFAULT_MANIFESTS)} is in this folder",
            advice="name a manifest, or write one with: keyplan init",
        )
    return found[0]


def locate(named: str | None, session: Session, *, ledger: Path | None, policies: tuple[Policy, ...] = ()) -> Place:
    """Return the named manifest, or the default one, read and checked.

    Raises InputError where there is none, ManifestError with every problem in it.
    """
    return settle(read_input(find_manifest(named, session), session), session, ledger=ledger, policies=policies)


def locate_all(
    named: Sequence[str], session: Session, *, ledger: Path | None, policies: tuple[Policy, ...] = ()
) -> tuple[Place, ...]:
    """Return the place of every manifest that is named, read and checked, in that order.

    Raises InputError where two would be in each other's way; ManifestError with every problem of all of them.
    """
    return settle_all([read_input(name, session) for name in named], session, ledger=ledger, policies=policies)


def settle_all(
    sources: Sequence[Input], session: Session, *, ledger: Path | None, policies: tuple[Policy, ...] = ()
) -> tuple[Place, ...]:
    """Return the places of manifests that were read. Raises as `locate_all` does."""
    places: list[Place] = []
    problems: list[Problem] = []
    for source in sources:
        try:
            places.append(settle(source, session, ledger=ledger, policies=policies))
        except ManifestError as error:
            problems += error.problems
    if problems:
        raise ManifestError(tuple(problems))
    require_apart(places)
    return tuple(places)


def require_apart(places: Sequence[Place]) -> None:
    """Return where no manifest is in another's way, as far as that shows offline. Raises InputError otherwise."""
    by_ledger: dict[str, Place] = {}
    owners = _Owners()
    for place in places:
        name = place.manifest.path
        if (other := by_ledger.setdefault(os.path.realpath(place.ledger), place)) is not place:
            raise InputError(
                f"{other.manifest.path} and {name} would share the ledger {place.ledger}",
                advice="put each manifest in a folder of its own, and leave out --ledger",
            )
        owners.add(name, place.manifest.owner, str(place.manifest.provider))


def require_own_keys(plans: Iterable[Plan], places: Sequence[Place]) -> None:
    """Return where no two manifests own the keys of one account. Raises InputError otherwise.

    Plans tell where the provider is, however a manifest spells it; a plan's place is found by its manifest.
    """
    credentials = {place.manifest.path: place.manifest.provider.credential for place in places}
    owners = _Owners()
    for plan in plans:
        owners.add(plan.manifest, plan.owner, f"{plan.provider} {credentials[plan.manifest]}")


class _Owners:
    """Which manifest owns the keys of which account."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def add(self, manifest: str, owner: str, account: str) -> None:
        """Note a manifest. Raises InputError where another one owns the keys already."""
        other = self._known.setdefault((owner, account), manifest)
        if other != manifest:
            raise InputError(
                f"{other} and {manifest} have the same owner at the same provider: "
                "each would delete what the other declares",
                advice="give each its own owner, or make one manifest of them",
            )


def _look_into(named: str, session: Session) -> list[str]:
    """Return the manifests that a name stands for: a folder's and those below it, a pattern's, or the one file."""
    # A shell expands patterns itself; a pipeline's input, or the environment, comes as it was written.
    if glob.has_magic(named) and not os.path.exists(session.folder / named):  # noqa: PTH110 - as below
        found = sorted(glob.glob(named, root_dir=session.folder, recursive=True))  # noqa: PTH207 - knows root_dir
        return [name for one in found for name in _look_into_folder(one, session)] or [named]
    return _look_into_folder(named, session)


def _look_into_folder(named: str, session: Session) -> list[str]:
    """Return the manifests in a folder and below it, hidden folders left out; what is no folder is a manifest."""
    folder = session.folder / named
    if named == STDIN or not os.path.isdir(folder):  # noqa: PTH112 - says no to an impossible name, where Path raises
        return [named]
    found = sorted(
        str(Path(named, path.relative_to(folder)))
        for name in DEFAULT_MANIFESTS
        for path in folder.rglob(name)
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not found:
        raise InputError(f"no manifest in {named}: neither {' nor '.join(DEFAULT_MANIFESTS)} is in it or below it")
    return found


def settle(source: Input, session: Session, *, ledger: Path | None, policies: tuple[Policy, ...] = ()) -> Place:
    """Return the manifest in a file that was read. Raises ManifestError with every problem in it."""
    return place_beside(read_manifest(source), source.folder, session, ledger=ledger, policies=policies)


def place_beside(
    manifest: Manifest, folder: Path, session: Session, *, ledger: Path | None, policies: tuple[Policy, ...] = ()
) -> Place:
    """Return the place of a manifest in a folder; a ledger that is named starts from the working directory."""
    held = replace(manifest, policies=(*manifest.policies, *policies)) if policies else manifest
    for policy in held.policies:
        for declared in held.keys:
            match_patterns(policy, declared)  # here, where a signal ends it
    return Place(
        manifest=held,
        folder=folder,
        ledger=session.folder / ledger if ledger else folder / _LEDGER,
    )
