"""What a leaked text says of the keys of an account, for a user who reads it at night. No piece of it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keyplan.model.leak import Leak, LeakedKey, LeakProof
from keyplan.model.times import show_time
from keyplan.renderers.reported_leaks import STANDINGS, name_leaked_key
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.words import format_count

_LONG = 1000
_PROOFS: Mapping[LeakProof, str] = {
    LeakProof.FINGERPRINT: "certain: the text holds the raw key that keyplan delivered",
    LeakProof.AUTHENTICATED: "certain: a raw key in the text authenticates, and only this key has its form",
    LeakProof.FORM: "possible: a text fits its redacted form, and nothing proves more",
    LeakProof.REDACTED: "possible: its redacted form stands in the text, and no raw key",
}


def render_leak(leak: Leak) -> str:
    """Return the keys that were found, a block each, and what is known of the rest."""
    lines = [line for one in leak.keys for line in _describe(one)]
    if not leak.keys:
        lines.append("No key of this account stands in the text.")
    if leak.unknown:
        looks = format_count(leak.unknown, "text")
        lines.append(f"{looks} in it may be a raw key, of no key that this credential can see.")
    return "".join(f"{line}\n" for line in lines)


def _describe(one: LeakedKey) -> Iterator[str]:
    key = one.key
    yield f"Key {sanitize(key.id)}  {sanitize(one.address or key.name)}"
    yield f"  proof        {_PROOFS[one.proof]}"
    yield f"  is           {STANDINGS[one.standing]}"
    if one.declared_at:
        yield f"  declared     {sanitize(one.declared_at, width=_LONG)}"
    if key.marker:
        yield f"  owner        {sanitize(key.marker.owner)}"
    if key.created_by:
        yield f"  creator      {sanitize(key.created_by)}"
    yield f"  created      {show_time(key.created_at)}"
    yield f"  last used    {show_time(key.last_used_at) if key.last_used_at else 'not shown'}"
    for place in one.places:
        yield f"  stored in    {sanitize(place, width=_LONG)}"


def describe_alive(leak: Leak) -> Iterator[str]:
    """Yield what became of each key after `--contain`, a line each."""
    alive = set(leak.alive or ())
    for one in leak.keys:
        name = name_leaked_key(one)
        if one.key.id not in alive:
            yield f"Dead: {name}."
        elif one.is_ours and one.is_proven:
            yield f"STILL ALIVE: {name}. See above for what holds it back."
        elif one.is_ours and one.address:
            yield f"STILL ALIVE: {name}. It is not proven that it leaked: end it with --revoke {sanitize(one.key.id)}"
        else:
            yield f"STILL ALIVE: {name}. It is not this manifest's: end it with --revoke {sanitize(one.key.id)}"
