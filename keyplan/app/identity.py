"""Gives a manifest its identity: a random id, and an owner that says where the manifest lives."""

from __future__ import annotations

import re
import secrets
import string
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from keyplan.model.identity import ManifestId
from keyplan.model.secret_shapes import looks_secret
from keyplan.renderers.sanitize import sanitize
from keyplan.system.git import read_origin

_ID_LENGTH = 8
_LONGEST_OWNER = 63
_OWNER_RULE = r"[a-z0-9][a-z0-9._-]{0,62}"
_NO_SLUG = re.compile(r"[^a-z0-9._-]+")
_HOST = re.compile(r"\A(?:[a-z][a-z0-9+.-]*://[^/]*|[^/:]*:(?!//))", re.IGNORECASE)
"""The part of a remote's URL before its path, which may hold a password: ``https://user:pass@host``, ``git@host:``."""

ReadOrigin = Callable[[Path, Mapping[str, str]], str]
"""Returns the URL of the remote `origin` of the git repository around a folder; nothing if there is none."""


def is_owner(text: str) -> bool:
    """Whether a text can be the owner of a manifest."""
    return re.fullmatch(_OWNER_RULE, text) is not None


def new_manifest_id() -> ManifestId:
    """Return a random id, which no other manifest has: a letter, then seven letters and digits."""
    # A letter first, so that YAML never reads it as a number.
    rest = (secrets.choice(string.ascii_lowercase + string.digits) for _ in range(_ID_LENGTH - 1))
    return ManifestId(secrets.choice(string.ascii_lowercase) + "".join(rest))


def warn_of_missing_ids(manifests: Iterable[str], say: Callable[[str], None]) -> None:
    """Show the user which line to add to each of these manifests, which have no id."""
    for manifest in manifests:
        say(
            f"{sanitize(manifest, width=1000)} has no id: keyplan could mistake the keys of another manifest with the "
            f"same owner for its own. Add this line at the top:\n  id: {new_manifest_id()}"
        )


def derive_owner(folder: Path, environment: Mapping[str, str], *, read: ReadOrigin = read_origin) -> str:
    """Return an owner for a manifest in a folder: the name of its git repository, else of the folder, as a slug.

    Empty if neither gives one.
    """
    return to_slug(_name_repository(read(folder, environment))) or to_slug(folder.resolve().name)


def _name_repository(url: str) -> str:
    """Return the last part of a remote's path: ``payments-keys`` of ``git@host:acme/payments-keys.git``."""
    # The host is left out first: without a path behind it, a user name or password would become the owner.
    path, *_ = re.split(r"[?#]", _HOST.sub("", url))
    parts = [part for part in re.split(r"[/\\]", path) if part not in ("", ".git")]
    return parts[-1].removesuffix(".git") if parts and "@" not in parts[-1] else ""


def to_slug(text: str) -> str:
    """Return a text as (the beginning of) an owner; empty if nothing of it can be one, or it looks like a secret."""
    if looks_secret(text):
        return ""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _NO_SLUG.sub("-", plain).strip("._-")[:_LONGEST_OWNER]
