"""The fact behind each row's answer."""

from __future__ import annotations

from typing import Any

import pytest
from planner.situations import CI, DAY, HOUR, LATER, holding, ours, recorded, situate, slot_of
from samples import NOW, make_desired, make_intent, make_observation
from scenario import make_manifest
from simulator import BLIND

from keyplan.model.explanation import AskedRow, RowAnswer, TableRow
from keyplan.model.identity import KeyId
from keyplan.model.manifest import ProviderSettings, Rotation
from keyplan.model.observation import Marker
from keyplan.model.plan import Request
from keyplan.planner.plan import make_traced_plan
from keyplan.planner.row_facts import list_asked

CURRENT = {"keys": [ours()], "receipts": [recorded()]}
AGED = make_intent(attempts=5)


def ask(declared: dict[str, Any], world: dict[str, Any], **request: Any) -> dict[str, AskedRow]:
    desired = make_desired(**declared)
    creators = ProviderSettings(creators=world.pop("creators", ()))
    manifest = make_manifest(desired.declaration, provider=creators)
    (case,) = make_traced_plan(manifest, (desired,), situate(desired, **world), Request(**request)).cases
    return {one.row.value: one for one in list_asked(case)}


FACTS = [
    ("1", {"expires_at": LATER}, {}, "expires_at is "),
    ("1", {}, {}, "no expires_at is declared"),
    ("exhausted", {}, {"intents": [AGED]}, "5 attempts have been made"),
    ("exhausted", {}, {}, "no intent is open"),
    ("0", {}, {"receipts": [recorded()], "revoked": ()}, "key key-1 is unseen"),
    ("0", {}, CURRENT, "its keys are all seen, and what its places say is believed"),
    ("0", {}, {**CURRENT, "held": {slot_of(CI): holding(recorded(delivered_at=LATER + DAY))}}, "secrets/user/ci"),
    ("1b", {"import_id": KeyId("key-9")}, {}, "import names key key-9"),
    ("1b", {}, {}, "no import is declared"),
    ("2", {}, {"keys": [make_observation("key-9")]}, "unmanaged keys of its name: key-9"),
    ("2", {}, {}, "no unmanaged key has its type, name and space"),
    ("3", {}, {}, "no receipt is known"),
    ("4", {}, {"receipts": [recorded(expires_at=LATER)]}, "key key-1 was delivered at "),
    ("4", {}, {"receipts": [recorded(expires_at=LATER)]}, ", to expire at "),
    ("5", {}, {"keys": [ours()]}, "live keys of it, none of them current: key-1"),
    ("5", {}, {}, "no live key is its own"),
    ("5b", {}, {"keys": [ours()], "abilities": {"local": BLIND}}, "cannot prove which key it holds"),
    ("5b", {}, {"keys": [ours()]}, "its places can prove which key they hold"),
    ("6", {}, CURRENT, "the receipt says "),
    ("6", {}, {"keys": [ours(redacted="")], "receipts": [recorded()]}, "no two redacted forms"),
    ("7", {}, {"keys": [ours(), ours("key-2", created_at=LATER)], "receipts": [recorded()]}, "key-2"),
    ("7", {}, CURRENT, "no key is newer than the current one"),
    ("8", {}, {**CURRENT, "held": {}}, "not proven to hold the current key: local:secrets/user/ci"),
    ("8", {}, CURRENT, "each place holds the current key, proven"),
    ("9", {"expires_at": LATER + DAY}, CURRENT, "not as declared: expires_at"),
    ("9", {"description": "x"}, CURRENT, "every other field is as declared"),
    ("9b", {"description": "x"}, CURRENT, "the description is not as declared"),
    ("9b", {}, CURRENT, "the description is as declared"),
    ("9c", {"description": "x"}, {**CURRENT, "dialect": "zenml"}, "differs: description"),
    ("9c", {}, {**CURRENT, "dialect": "zenml"}, "name and description are as declared"),
    ("10", {"rotation": Rotation(generation=2)}, CURRENT, "generation is 2, and 1 in the receipt"),
    ("11", {}, CURRENT, "the key never expires"),
    ("11", {}, {"keys": [ours(expires_at=LATER + DAY)], "receipts": [recorded()]}, "it is due from "),
    (
        "11",
        {"expires_at": LATER + DAY},
        {"keys": [ours(expires_at=LATER + DAY)], "receipts": [recorded(expires_at=LATER + DAY)]},
        "a new key would end at the same expires_at",
    ),
    ("12", {"rotation": Rotation(every=HOUR)}, CURRENT, "it is due from "),
    ("12", {}, CURRENT, "no rotation.every is declared"),
    ("13", {}, CURRENT, ""),
    ("3", {}, CURRENT, "key key-1 is current"),
    ("13", {}, {}, "no live key is current"),
    ("busy", {}, CURRENT, "no other run is known to be at work"),
    ("unknown_space", {}, CURRENT, "the provider knows each of its spaces"),
]


@pytest.mark.parametrize(("row", "declared", "world", "fact"), FACTS)
def test_each_answer_has_its_fact(row: str, declared: dict[str, Any], world: dict[str, Any], fact: str) -> None:
    found = ask(declared, dict(world))[row]
    assert fact in found.fact
    assert (fact == "") == (found.fact == "")


def test_a_request_is_a_fact() -> None:
    assert ask({}, dict(CURRENT), rotate=("user/ci",))["10"] == AskedRow(
        row=TableRow.REQUESTED, answer=RowAnswer.YES, fact="the user asked for it"
    )


def test_keys_whose_makers_are_unknown_or_foreign_are_facts() -> None:
    undecided = ask({}, {"keys": [ours(created_by="")]})["0"]
    assert undecided.fact == "it is not known who made key key-1"
    marker = Marker(ours().marker.owner, ours().marker.ref)  # type: ignore[union-attr]  # ours has a marker
    stray = ask({}, {"keys": [ours(marker=marker)]})["0"]
    assert stray.fact == "key key-1 may be another manifest's"
    assert NOW < LATER
