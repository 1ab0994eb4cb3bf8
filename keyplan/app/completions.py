"""What a shell may complete without network: addresses and spaces of the manifest, ids and spaces of the last listing.

Nothing is asked, run or written but what `remember_listing` keeps; no mistake in a manifest is an error here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from keyplan.app.announcements import find_cache
from keyplan.app.files import Input, read_manifest_with_problems, save_privately
from keyplan.app.layers import Surroundings
from keyplan.app.manifest_search import DEFAULT_MANIFESTS
from keyplan.errors import KeyplanError
from keyplan.model.identity import KeyId
from keyplan.model.manifest import Manifest, ScopeById, ScopeByName
from keyplan.model.mask import hide

_MOST_IDS = 10_000
_LARGEST_MANIFEST = 4 * 1024 * 1024
_PLAIN = re.compile(r"[\w./%@+,:=-]+")
"""What every shell takes as one word without quotes; names with other characters are left out."""
_KEYS, _SPACES = "keys", "spaces"


def list_addresses(named: Sequence[str], around: Surroundings) -> list[str]:
    """Return the addresses that manifests declare, sorted; of the `named` files, else of one with a default name."""
    return _keep_plain(declared.address for manifest in _read_all(named, around) for declared in manifest.keys)


def list_scopes(named: Sequence[str], around: Surroundings) -> list[str]:
    """Return the names of the spaces that manifests name, or that the last listing showed, sorted."""
    spaces = (declared.scope for manifest in _read_all(named, around) for declared in manifest.keys)
    names = (space.name for space in spaces if isinstance(space, ScopeByName))
    return _keep_plain([*names, *_recall(around.environment, _SPACES)])


def list_space_ids(named: Sequence[str], around: Surroundings) -> list[str]:
    """Return the ids of the spaces that manifests name by id, sorted."""
    spaces = (declared.scope for manifest in _read_all(named, around) for declared in manifest.keys)
    return _keep_plain(space.space_id for space in spaces if isinstance(space, ScopeById))


def remember_listing(ids: Iterable[KeyId], spaces: Iterable[str], environment: Mapping[str, str]) -> None:
    """Keep ids of keys and names of spaces for the next completion, in the user's cache. Never raises."""
    file = _find_listing(environment)
    if file is None:
        return
    kept = {_KEYS: sorted(ids)[:_MOST_IDS], _SPACES: sorted(spaces)[:_MOST_IDS]}
    with suppress(OSError, KeyplanError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        save_privately(file, hide(json.dumps(kept)).encode())


def recall_listing(environment: Mapping[str, str]) -> list[str]:
    """Return the ids of the keys that were listed last, sorted; none if that is not known."""
    return _keep_plain(_recall(environment, _KEYS))


def _recall(environment: Mapping[str, str], what: str) -> list[str]:
    file = _find_listing(environment)
    if file is None:
        return []
    with suppress(OSError, ValueError):
        kept = json.loads(file.read_bytes())
        found = kept.get(what, []) if isinstance(kept, dict) else []
        return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
    return []


def _find_listing(environment: Mapping[str, str]) -> Path | None:
    """Return the file of the last listing."""
    cache = find_cache(environment)
    return cache / "listing.json" if cache else None


def _read_all(named: Sequence[str], around: Surroundings) -> Iterator[Manifest]:
    """Yield each named manifest, as far as it can be read; without names, the first of the default ones."""
    for name in named or DEFAULT_MANIFESTS:
        found = _read(name, around)
        if found is not None:
            yield found
            if not named:
                return


def _read(name: str, around: Surroundings) -> Manifest | None:
    path = around.folder / name
    with suppress(OSError, KeyplanError, ValueError):
        with path.open("rb") as file:
            content = file.read(_LARGEST_MANIFEST)
        source = Input(name=name, folder=path.absolute().parent, content=content, surroundings=around)
        return read_manifest_with_problems(source)[0]
    return None


def _keep_plain(words: Iterable[str]) -> list[str]:
    return sorted({word for word in words if _PLAIN.fullmatch(word)})
