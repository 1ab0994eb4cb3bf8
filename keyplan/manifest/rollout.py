"""Read how a manifest rolls renewals out: its canaries, the size of a wave, and the pause between waves.

A canary that fits no declaration is a problem: nothing would go before the others, and no run would say so.
"""

from __future__ import annotations

from collections.abc import Iterator

from keyplan.manifest.problems import Problems
from keyplan.manifest.tables import ItemList, Table
from keyplan.model.identity import Address
from keyplan.model.limits import Rollout
from keyplan.model.quotes import quote, suggest
from keyplan.model.texts import selects
from keyplan.model.times import parse_duration

_DEFAULT = Rollout()


def read_rollout(given: Table, declared: frozenset[Address], problems: Problems) -> Rollout:
    """Return the rollout with these fields, which fit the schema; problems are added.

    `declared` are the addresses of all declarations, those included that have problems of their own.
    """
    canary = given.get("canary")
    pause = _DEFAULT.pause
    if "pause" in given:
        try:
            pause = parse_duration(given["pause"])
        except ValueError as error:
            problems.add(given.value_spot("pause"), f"field 'pause' {error}")
    return Rollout(
        canaries=tuple(_read_canaries(canary, declared, problems)) if isinstance(canary, ItemList) else (),
        canary_percent=int(canary.removesuffix("%")) if isinstance(canary, str) else 0,
        # JSON Schema calls 2.0 an integer.
        wave=int(given["wave"]) if "wave" in given else None,
        pause=pause,
    )


def _read_canaries(globs: ItemList, declared: frozenset[Address], problems: Problems) -> Iterator[str]:
    for glob, spot in zip(globs, globs.value_spots, strict=True):
        if not any(selects(glob, address, declared) for address in declared):
            problems.add(
                spot,
                f"no declaration has an address that fits the canary {quote(glob)}{suggest(glob, declared)}",
                "canary",
            )
        yield glob
