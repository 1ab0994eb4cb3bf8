"""Whether a URL, a path or a name that a stranger wrote fits a glob that the owner of a policy wrote.

A `*` never reaches over a dot of a host or a slash. What is written in an unusual way must fit only itself: two
programs could read it in two ways. Nothing here touches a disk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

_MANY = "**"
"""A segment that stands for one segment or more."""
_MAGIC = re.compile(r"[*?\[]")
_UNUSUAL = frozenset({"", ".", ".."})
# Each part of a host or path begins with a separator that is in no other part, so that this never backtracks.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9*_-]+(\.[a-z0-9*_-]+)*)"
    r"(:(?P<port>[0-9]{1,5}))?(?P<path>(/[a-z0-9*._~-]*)*)",
    re.ASCII | re.IGNORECASE,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class _PlainUrl:
    """A URL of scheme, host, port and path, in the one way to write it."""

    scheme: str
    labels: tuple[str, ...]
    port: int
    segments: tuple[str, ...]


def fits_url(pattern: str, url: str) -> bool:
    """Whether a URL is the one that a pattern spells, or fits it label by label and segment by segment.

    A URL with a user name, a query, a fragment, an escape, a character beyond ASCII or a dot segment fits only a
    pattern that is equal to it.
    """
    if pattern == url:
        return True
    wanted, given = _read_url(pattern), _read_url(url)
    return (
        wanted is not None
        and given is not None
        and "*" not in url
        and (given.scheme, given.port) == (wanted.scheme, wanted.port)
        and _fit_each(wanted.labels, given.labels)
        and _fit_each(wanted.segments, given.segments)
    )


def find_url_fault(pattern: str) -> str:
    """Return why a pattern can fit no http URL; nothing if it can."""
    if _read_url(pattern) is not None:
        return ""
    return "must be https://HOST, with a port or a path if need be; a * stands inside one label or segment"


def _read_url(text: str) -> _PlainUrl | None:
    found = _URL.fullmatch(text)
    if found is None:
        return None
    scheme = found["scheme"].lower()
    host = found["host"].lower()
    path = found["path"].rstrip("/")
    segments = tuple(path.split("/")[1:])
    if not _UNUSUAL.isdisjoint(segments):
        return None
    return _PlainUrl(
        scheme=scheme,
        labels=(host,) if host.startswith("[") else tuple(host.split(".")),
        port=int(found["port"]) if found["port"] else _DEFAULT_PORTS[scheme],
        segments=segments,
    )


def _fit_each(wanted: Sequence[str], given: Sequence[str]) -> bool:
    return len(wanted) == len(given) and all(map(_fits_part, wanted, given))


def fits_name(pattern: str, name: str) -> bool:
    """Whether a name fits a glob, segment by segment between slashes; ``**`` stands for one segment or more."""
    return _fit_segments(pattern.split("/"), name.split("/"))


def fits_path(pattern: str, path: str, folder: str) -> bool:
    """Whether a path fits a glob; both start at the folder if they are relative.

    A path that climbs with ``..``, begins with ``~`` or holds control characters fits nothing.
    """
    given = split_path(path, folder)
    if given is None:
        return False
    own, wanted = (() if pattern.startswith("/") else _split(folder)), _split(pattern)
    while wanted[:1] == ("..",):
        own, wanted = own[:-1], wanted[1:]
    # The folder does not belong to the glob: its name is the manifest's to choose, and may be `*`.
    return given[: len(own)] == own and _fit_segments(wanted, given[len(own) :])


def find_fixed_folder(pattern: str) -> str:
    """Return the folder in which all files lie that fit a glob of paths: its parts before the first magic one."""
    parts = pattern.split("/")[:-1]
    magic = next((index for index, part in enumerate(parts) if _MAGIC.search(part)), len(parts))
    return "/".join(parts[:magic]) or ("/" if pattern.startswith("/") else ".")


def has_magic(pattern: str) -> bool:
    """Whether a text is a glob of more than itself."""
    return _MAGIC.search(pattern) is not None


def split_path(path: str, folder: str) -> tuple[str, ...] | None:
    """Return the names on the way from the root to a path that starts at a folder; None if the way is unclear.

    It is unclear if the path climbs with ``..``, begins with ``~``, or holds control characters.
    """
    if path.startswith("~") or not path.isprintable() or ".." in path.split("/"):
        return None
    return (() if path.startswith("/") else _split(folder)) + _split(path)


def _split(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part not in ("", "."))


def _fit_segments(wanted: Sequence[str], given: Sequence[str]) -> bool:
    """Whether segments fit patterns, in time that grows with the product of their numbers at most."""
    ends = {0}
    for pattern in wanted:
        if pattern == _MANY:
            ends = set(_list_ends(given, ends))
        else:
            ends = {end + 1 for end in ends if end < len(given) and _fits_part(pattern, given[end])}
    return len(given) in ends


def _list_ends(given: Sequence[str], starts: set[int]) -> list[int]:
    """Return where one or more usual segments may end that begin at one of these starts."""
    ends: list[int] = []
    is_open = False
    for index, segment in enumerate(given):
        is_open = (is_open or index in starts) and _is_usual(segment)
        if is_open:
            ends.append(index + 1)
    return ends


def _fits_part(pattern: str, part: str) -> bool:
    """Whether one label or segment fits a pattern."""
    return part == pattern or (has_magic(pattern) and _is_usual(part) and fnmatchcase(part, pattern))


def _is_usual(part: str) -> bool:
    return part not in _UNUSUAL and part.isprintable() and "\\" not in part
