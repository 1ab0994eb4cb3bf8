"""Announcements that a user needs once: on each machine, one for each version of keyplan.

Only an empty file in the user's cache is written. A cache that cannot be used must never fail a run: then the
announcement is shown each time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path


def find_cache(environment: Mapping[str, str]) -> Path | None:
    """Return keyplan's folder in the user's cache; None if the environment names none.

    Source: XDG Base Directory Specification, $XDG_CACHE_HOME, else ~/.cache; a relative path is ignored.
    """
    home = environment.get("HOME", "")
    folder = environment.get("XDG_CACHE_HOME", "") or (f"{home}/.cache" if home else "")
    return Path(folder, "keyplan") if folder.startswith("/") else None


def announce(text: str, environment: Mapping[str, str], say: Callable[[str], None], *, version: str) -> None:
    """Say a text, unless this version said it on this machine before. Never raises."""
    stamp = _find_stamp(text, environment, version)
    if stamp is None:
        say(text)
        return
    with suppress(OSError, ValueError):
        if stamp.exists():
            return
    say(text)
    # After it was said: a run that is killed in between says it once more.
    with suppress(OSError, ValueError):
        stamp.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        stamp.touch(mode=0o600)


def _find_stamp(text: str, environment: Mapping[str, str], version: str) -> Path | None:
    cache = find_cache(environment)
    name = hashlib.sha256(f"{version}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return cache / "announced" / name if cache else None
