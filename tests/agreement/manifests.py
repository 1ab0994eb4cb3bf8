"""Manifests as users edit them: one that is applied first, and each edit of it that a pull request may bring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import yaml

Document = dict[str, Any]
Edit = Callable[[Document], None]

_BASE: Document = {
    "version": 1,
    "owner": "ml-platform",
    "id": "k7f3a9c2",
    "sinks": {"local": {"type": "file", "path": "{name}.key"}},
    "defaults": {"sink": "local"},
    "keys": [
        {"name": "ci", "key_type": "user", "description": "used by CI", "expires_in": "90d"},
        {"name": "ingest", "key_type": "service", "space": "production", "roles": {"space_role": "member"}},
    ],
}


def write_base() -> str:
    """Return the manifest that is applied first."""
    return yaml.safe_dump(_BASE, sort_keys=False)


def write_edited(edit: Edit) -> str:
    """Return the manifest after an edit."""
    document = deepcopy(_BASE)
    edit(document)
    return yaml.safe_dump(document, sort_keys=False)


def _first(**fields: Any) -> Edit:
    """Return the edit that sets fields of the user key; None removes one."""

    def edit(document: Document) -> None:
        _set(document["keys"][0], fields)

    return edit


def _second(**fields: Any) -> Edit:
    def edit(document: Document) -> None:
        _set(document["keys"][1], fields)

    return edit


def _top(**fields: Any) -> Edit:
    def edit(document: Document) -> None:
        _set(document, fields)

    return edit


def _set(table: Document, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if value is None:
            table.pop(name, None)
        else:
            table[name] = value


def _all(*edits: Edit) -> Edit:
    def edit(document: Document) -> None:
        for one in edits:
            one(document)

    return edit


def _without_first(document: Document) -> None:
    del document["keys"][0]


def _without_second(document: Document) -> None:
    del document["keys"][1]


def _with_adopted(adopt: str) -> Edit:
    """Return the edit that declares a key of the name that a user's own key has."""

    def edit(document: Document) -> None:
        document["keys"].append({"name": "by-hand", "key_type": "user", "adopt": adopt})

    return edit


def _with_third(document: Document) -> None:
    document["keys"].append({"name": "batch", "key_type": "user"})


def _turned_round(document: Document) -> None:
    document["keys"].reverse()


def _twice(document: Document) -> None:
    document["keys"].append(dict(document["keys"][0]))


SOUND: Mapping[str, Edit] = {
    "nothing": lambda _document: None,
    "the order of the keys": _turned_round,
    "a description": _first(description="used by the nightly CI"),
    "a description, to be taken at once": _first(description="used by CI now", on_description_change="replace"),
    "blanks at the end of a description": _first(description="used by CI  \n"),
    "a shorter life": _first(expires_in="7d"),
    "a longer life": _first(expires_in="365d"),
    "no end": _first(expires_in=None),
    "an end far away": _first(expires_in=None, expires_at="2030-01-01T00:00:00Z"),
    "an end soon": _first(expires_in=None, expires_at="2026-12-31T00:00:00Z"),
    "an end in the past": _first(expires_in=None, expires_at="2020-01-01T00:00:00Z"),
    "another role": _second(roles={"space_role": "read-only"}),
    "another space": _second(space="staging"),
    "the space by its id": _second(space=None, space_id="space-production"),
    "another name": _first(name="ci-main"),
    "another name that it moved to": _first(name="ci-main", moved_from=["user/ci"]),
    "a moved_from of nothing": _first(moved_from=["user/old"]),
    "a generation": _first(rotation={"generation": 2}),
    "a generation, cut at once": _first(rotation={"generation": 2, "overlap": "0s"}),
    "a generation, with an overlap": _first(rotation={"generation": 2, "overlap": "3d"}),
    "a generation, replaced": _first(rotation={"generation": 2, "strategy": "replace"}),
    "a rotation": _first(rotation={"every": "30d"}),
    "a rotation and its warning": _first(rotation={"every": "30d", "before_expiry": "80d"}),
    "one key fewer": _without_first,
    "one key fewer, forgotten": _all(_top(defaults={"sink": "local", "on_remove": "forget"}), _without_first),
    "one key more": _with_third,
    "no keys": _top(keys=[]),
    "a place": _first(sink={"name": "local", "path": "elsewhere.key"}),
    "a second place": _first(sink=["local", {"name": "local", "path": "second.key"}]),
    "a second place, and cut at once": _first(
        sink=["local", {"name": "local", "path": "second.key"}], rotation={"overlap": "0s"}
    ),
    "protection": _first(protect=True),
    "protection, and a generation": _first(protect=True, rotation={"generation": 2}),
    "a policy of lives": _top(policy={"max_lifetime": "30d"}),
    "a policy of lives that is met": _all(
        _top(policy={"max_lifetime": "30d"}), _first(expires_in="7d"), _without_second
    ),
    "a policy of names": _top(policy={"names": ["[a-z]+"]}),
    "a policy of roles": _top(policy={"allowed_roles": {"space_role": ["read-only"]}}),
    "unmanaged keys fail": _top(unmanaged="fail"),
    "adoption by replacing": _with_adopted("replace"),
    "adoption by refreshing": _with_adopted("refresh"),
    "no adoption": _with_adopted("refuse"),
}
"""Edits that leave a manifest without a mistake of form; a policy may forbid it."""

BROKEN: Mapping[str, Edit] = {
    "an unknown field": _first(descripton="x"),
    "no type": _first(key_type=None),
    "a role that does not exist for a user key": _first(roles={"space_role": "member"}),
    "an unknown sink": _first(sink="vualt"),
    "a key twice": _twice,
    "two keys at one place": _all(
        _first(sink={"name": "local", "path": "one"}), _second(sink={"name": "local", "path": "one"})
    ),
    "an overlap as long as the cycle": _first(rotation={"every": "1d", "overlap": "1d"}),
    "no duration": _first(expires_in="soon"),
    "no space": _second(space=None),
}
"""Edits that `validate` refuses."""
