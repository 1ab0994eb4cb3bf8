"""Finds what a reviewer would miss in two rows that are far apart: a renamed key is created again and deleted."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from keyplan.model.identity import Address
from keyplan.model.plan import Action, Reason, Verb
from keyplan.renderers.sanitize import sanitize

RENAMED = "if renamed"
"""The label of the line that would make a rename of it."""

# What YAML takes for a text in a flow sequence without quotes.
_PLAIN = re.compile(r"(?:user|service)/[A-Za-z0-9_./-]+")


def find_renames(actions: Iterable[Action]) -> Mapping[Address, str]:
    """Return the line to add to a declaration, by the address that would be made.

    There is one for a create and a delete of one type and space, if there is no other create or delete in that space:
    among several, which is which would be a guess.
    """
    created: defaultdict[str, set[Address]] = defaultdict(set)
    deleted: defaultdict[str, set[Address]] = defaultdict(set)
    for action in actions:
        space = action.address.rpartition("/")[0]
        if action.verb is Verb.CREATE and action.reason is Reason.ABSENT:
            created[space].add(action.address)
        elif action.verb is Verb.DELETE and action.reason is Reason.UNDECLARED:
            deleted[space].add(action.address)
    return {
        min(new): f"moved_from: [{_quote(min(deleted[space]))}]"
        for space, new in created.items()
        if len(new) == 1 and len(deleted[space]) == 1
    }


def _quote(address: Address) -> str:
    """Return an address as a YAML text on one line."""
    return address if _PLAIN.fullmatch(address) else sanitize(json.dumps(address), width=1000)
