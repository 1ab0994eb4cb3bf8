"""Plans as grown accounts have them: many rows of few kinds, and between them the ones that a reviewer must see."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from plans import CREATE, DELETE, REFRESH, STRANGER, make_plan

from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import KeyType
from keyplan.model.plan import Action, Blocked, Guard, KeyView, Plan, Reason, Verb

SPACES = ("production", "staging", "research")
STRANGERS = tuple(replace(STRANGER, id=KeyId(f"key-s{n}"), name=f"hand-made {n}") for n in range(40))


def rotate(number: int, space: str = "") -> Action:
    """Return a rotation of one of many keys that are due."""
    name = f"ingest-{number:02}"
    return Action(
        address=Address(f"service/{space or SPACES[number % len(SPACES)]}/{name}"),
        verb=Verb.REPLACE,
        reason=Reason.TOO_OLD,
        key_id=KeyId(f"QXBpS2V5OjE6YUF{number:04}"),
        after=KeyView(name=name, key_type=KeyType.SERVICE),
        explanation="replace: the API cannot refresh a key and keep the old one alive for 24h",
        consequences=("the old key works for 24h after the switch; the first apply after that deletes it",),
        locations=(f"vault:secret/arize/{name}#api_key",),
        overlap=timedelta(hours=24),
    )


def cut(number: int) -> Action:
    """Return a refresh that consumers notice."""
    return replace(REFRESH, address=Address(f"user/batch-{number}"), key_id=KeyId(f"key-c{number}"))


PROTECTED = replace(
    rotate(90),
    address=Address("service/production/payments"),
    reason=Reason.CHANGED,
    blocked=Blocked(guard=Guard.PROTECT, advice="set protect: false, apply, and then change it"),
)
FOREIGN = replace(
    CREATE,
    address=Address("user/release"),
    reason=Reason.FOREIGN,
    blocked=Blocked(
        guard=Guard.FOREIGN,
        advice="to take it over: keyplan import user/release QXBpS2V5OjE6YUFhYmNkZWZnaGlqa2xtbm9w",
    ),
)
ADOPTED = replace(CREATE, address=Address("user/nightly"), reason=Reason.ADOPTED)
RENAMED = replace(CREATE, address=Address("service/research/notebooks-2027"))
FORMER = replace(DELETE, address=Address("service/research/notebooks"), key_id=KeyId("key-n1"))

GROWN = make_plan(
    *(rotate(number) for number in range(60)),
    *(cut(number) for number in range(3)),
    PROTECTED,
    FOREIGN,
    ADOPTED,
    RENAMED,
    FORMER,
    unmanaged=STRANGERS,
)
ROTATIONS = make_plan(*(rotate(number) for number in range(60)))
"""Sixty keys that are due on one day."""


def block_foreign(count: int) -> Plan:
    """Return the first plan of a grown account: keys with the names of the manifest exist."""
    return make_plan(
        *(
            replace(
                FOREIGN,
                address=Address(f"user/old-{number:02}"),
                blocked=Blocked(
                    guard=Guard.FOREIGN, advice=f"to take it over: keyplan import user/old-{number:02} k{number}"
                ),
            )
            for number in range(count)
        )
    )
