"""A manifest and where it stands: which file is meant, and which folder and ledger belong to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keyplan.cli.inputs import Input, read_input, read_manifest
from keyplan.cli.session import Session
from keyplan.errors import InputError
from keyplan.model.manifest import Manifest

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


def find_manifest(named: str | None, session: Session) -> str:
    """Return the name of the manifest to use. Raises InputError where none is named and none is there."""
    found = [named] if named is not None else list_default_manifests(session)
    if not found:
        raise InputError(
            f"no manifest: neither {' nor '.join(DEFAULT_MANIFESTS)} is in this folder",
            advice="name a manifest, or write one with: keyplan init",
        )
    return found[0]


def locate(named: str | None, session: Session, *, ledger: Path | None) -> Place:
    """Return the named manifest, or the default one, read and checked.

    Raises InputError where there is none, ManifestError with every problem in it.
    """
    return settle(read_input(find_manifest(named, session), session), session, ledger=ledger)


def settle(source: Input, session: Session, *, ledger: Path | None) -> Place:
    """Return the manifest in a file that was read. Raises ManifestError with every problem in it."""
    return place_beside(read_manifest(source), source.folder, session, ledger=ledger)


def place_beside(manifest: Manifest, folder: Path, session: Session, *, ledger: Path | None) -> Place:
    """Return the place of a manifest in a folder; a ledger that is named starts from the working directory."""
    return Place(
        manifest=manifest,
        folder=folder,
        ledger=session.folder / ledger if ledger else folder / _LEDGER,
    )
