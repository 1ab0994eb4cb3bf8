"""What differs between the plan that was reviewed and the current plan, a line per address.

Only decisions are compared, as the digest does; explanations may differ.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deepdiff import DeepDiff

from keyplan.documents.plan import list_decisions
from keyplan.model.plan import Plan
from keyplan.renderers.sanitize import sanitize

_KINDS = {
    "dictionary_item_added": "{path} is new: {new}",
    "dictionary_item_removed": "{path} is gone, was {old}",
    "iterable_item_added": "{path} is new: {new}",
    "iterable_item_removed": "{path} is gone, was {old}",
}
_CHANGED = "{path} was {old}, is now {new}"


def describe_difference(reviewed: Plan, current: Plan) -> tuple[str, ...]:
    """Return what changed since the review, a line each, sorted; empty if the decisions are the same."""
    # A changed field shows up in the keys before and after as well: without it here, a line appears once. Only if
    # nothing else differs, the changed fields themselves are compared.
    return _compare(_index_decisions(reviewed, "changes"), _index_decisions(current, "changes")) or _compare(
        _index_decisions(reviewed), _index_decisions(current)
    )


def _compare(old: dict[str, Any], new: dict[str, Any]) -> tuple[str, ...]:
    found = DeepDiff(old, new, view="tree")
    return tuple(sorted(_describe(kind, item) for kind, items in found.items() for item in items))


def _index_decisions(plan: Plan, *without: str) -> dict[str, Any]:
    """Return the decisions by what identifies them, so that each difference is named by its address."""
    decisions = list_decisions(plan)
    actions = decisions.pop("actions")
    by_name: dict[str, Any] = {}
    for action in actions:
        address = str(action["address"])
        # An address has several actions if old keys of it are deleted; their ids distinguish them.
        name = address if address not in by_name else f"{address} ({action['key_id']})"
        by_name[name] = {field: value for field, value in action.items() if field not in without}
    return {**decisions, **by_name}


def _describe(kind: str, item: Any) -> str:
    name, *inner = (str(part) for part in item.path(output_format="list"))
    path = ": ".join(filter(None, (name, ".".join(inner).removeprefix("change."))))
    return _KINDS.get(kind, _CHANGED).format(
        path=sanitize(path), old=_format_value(item.t1), new=_format_value(item.t2)
    )


def _format_value(value: object) -> str:
    if isinstance(value, Mapping) and "verb" in value:
        return f"{value['verb']} ({value['reason']})"
    # `default`: one side of what is new or gone is deepdiff's own word for nothing.
    return "nothing" if value is None else sanitize(json.dumps(value, ensure_ascii=False, default=str), width=120)
