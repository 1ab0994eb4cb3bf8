"""A key that a secret scanner reports as leaked: a line for people, what to type, and its fields for programs.

What the sender wrote is untrusted. No token is in it; a URL may quote one, and the mask hides that where text leaves.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.model.leak import LeakedKey, LeakStanding
from keyplan.model.leak_report import ReportedLeak
from keyplan.model.manifest import Json
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.words import format_count

STANDINGS: Mapping[LeakStanding, str] = {
    LeakStanding.CURRENT: "the current key of its declaration",
    LeakStanding.OLD: "an old key of its declaration, which still works",
    LeakStanding.UNDECLARED: "a key of this manifest that is declared nowhere",
    LeakStanding.FOREIGN: "not a key of this manifest",
    LeakStanding.DEAD: "dead: it was ended, or has expired",
}
"""Whose key it is, for people."""
_SIGHTINGS_SHOWN = 20
_LONG = 1000


def name_leaked_key(one: LeakedKey) -> str:
    """Return the id of a key with its address, or its name if it has none."""
    return f"key {sanitize(one.key.id)} ({sanitize(one.address or one.key.name)})"


def describe_reported_leak(reported: ReportedLeak) -> str:
    """Return one line about the key: which, whose, how certain, and where it was seen."""
    one = reported.leaked
    certain = "certain" if one.is_proven else "possible"
    urls = [sighting.url for sighting in reported.sightings if sighting.url]
    seen = f"; seen at {sanitize(urls[0], width=_LONG)}" if urls else ""
    more = f" and {format_count(len(urls) - 1, 'further place')}" if urls[1:] else ""
    return f"reported as leaked ({certain}): {name_leaked_key(one)}, {STANDINGS[one.standing]}{seen}{more}"


def advise_on_leak(reported: ReportedLeak, manifest: str) -> str:
    """Return what to type to end the key; empty if it is dead. A report alone never ends a key."""
    one = reported.leaked
    key_id, file = sanitize(one.key.id), f"--manifest {sanitize(manifest, width=_LONG)}"
    if not one.is_live:
        return ""
    if not one.is_proven:
        return f"look at the place first; if it is this key, end it with: keyplan revoke {key_id} {file}"
    if one.standing is LeakStanding.CURRENT:
        address = sanitize(one.address or "")
        return f"renew it, so that the leaked one stops at once: keyplan rotate {address} --now {file}"
    return f"end it: keyplan revoke {key_id} {file}"


def write_reported_leak(reported: ReportedLeak) -> dict[str, Json]:
    """Return the fields for programs, the sender's ones sanitized."""
    one, shown = reported.leaked, reported.sightings[:_SIGHTINGS_SHOWN]
    return {
        "key_id": one.key.id,
        "name": one.key.name,
        "address": one.address,
        "owner": one.key.marker.owner if one.key.marker else None,
        "created_by_user_id": one.key.created_by or None,
        "standing": one.standing.value,
        "proof": one.proof.value,
        "is_proven": one.is_proven,
        "sightings": [
            {
                "type": sanitize(sighting.secret_type, width=_LONG),
                "url": sanitize(sighting.url, width=_LONG),
                "source": sanitize(sighting.source, width=_LONG),
            }
            for sighting in shown
        ],
        "left_out": len(reported.sightings) - len(shown),
    }
