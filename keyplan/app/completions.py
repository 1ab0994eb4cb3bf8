"""What a shell may complete without network: addresses and spaces of the manifest, ids of the last listing.

Nothing is asked, run or written but the ids of `remember_listing`; no mistake in a manifest is an error here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from keyplan.app.files import Input, read_manifest_with_problems, save_privately
from keyplan.app.manifest_search import DEFAULT_MANIFESTS
from keyplan.errors import KeyplanError
from keyplan.model.identity import KeyId
from keyplan.model.manifest import Manifest, SpaceByName
from keyplan.model.mask import hide

_MOST_IDS = 10_000
_LARGEST_MANIFEST = 4 * 1024 * 1024
_PLAIN = re.compile(r"[\w./%@+,:=-]+")
"""What every shell takes as one word without quotes; names with other characters are left out."""


def list_addresses(folder: Path, named: str | None) -> list[str]:
    """Return the addresses that a manifest declares, sorted; `named` is its file, else one with a default name is."""
    manifest = _read(folder, named)
    return _keep_plain(declared.address for declared in manifest.keys) if manifest else []


def list_spaces(folder: Path, named: str | None) -> list[str]:
    """Return the names of the spaces that a manifest names, sorted."""
    manifest = _read(folder, named)
    spaces = (declared.space for declared in manifest.keys) if manifest else ()
    return _keep_plain(space.name for space in spaces if isinstance(space, SpaceByName))


def remember_listing(ids: Iterable[KeyId], environment: Mapping[str, str]) -> None:
    """Keep ids of keys for the next completion, in the user's cache; do nothing if there is none. Never raises."""
    file = _find_cache(environment)
    if file is None:
        return
    with suppress(OSError, KeyplanError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        save_privately(file, hide(json.dumps(sorted(ids)[:_MOST_IDS])).encode())


def recall_listing(environment: Mapping[str, str]) -> list[str]:
    """Return the ids of the keys that were listed last, sorted; none if that is not known."""
    file = _find_cache(environment)
    if file is None:
        return []
    with suppress(OSError, ValueError):
        found = json.loads(file.read_bytes())
        return _keep_plain(one for one in found if isinstance(one, str)) if isinstance(found, list) else []
    return []


def _find_cache(environment: Mapping[str, str]) -> Path | None:
    """Return the file of the last listing (XDG Base Directory Specification: $XDG_CACHE_HOME, else ~/.cache)."""
    home = environment.get("HOME", "")
    folder = environment.get("XDG_CACHE_HOME", "") or (f"{home}/.cache" if home else "")
    return Path(folder, "keyplan", "listing.json") if folder.startswith("/") else None


def _read(folder: Path, named: str | None) -> Manifest | None:
    for name in (named,) if named else DEFAULT_MANIFESTS:
        with suppress(OSError, KeyplanError, ValueError):
            with (folder / name).open("rb") as file:
                content = file.read(_LARGEST_MANIFEST)
            return read_manifest_with_problems(Input(name=name, folder=folder, content=content))[0]
    return None


def _keep_plain(words: Iterable[str]) -> list[str]:
    return sorted({word for word in words if _PLAIN.fullmatch(word)})
