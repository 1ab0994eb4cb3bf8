"""What ledger and sinks remember, and which of several receipts counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from planner.situations import CI, LATER, holding, old, ours, recorded, situate
from samples import LOCAL, NOW, make_desired

from keyplan.model.identity import KeyId, SinkName
from keyplan.model.observation import Slot
from keyplan.planner.records import choose_receipt, iter_sink_records

HOUR = timedelta(hours=1)


def test_records_of_sinks_are_what_they_hold_besides_the_ledger_by_sink_and_location() -> None:
    noted = recorded()
    one, two, three = (recorded(f"key-{number}") for number in (2, 3, 4))
    held = {
        Slot(sink=SinkName("vault"), location="a"): holding(three),
        Slot(sink=LOCAL, location="z"): holding(two),
        Slot(sink=LOCAL, location="b"): holding(one),
        Slot(sink=LOCAL, location="shared"): holding(noted),
        Slot(sink=LOCAL, location="nothing"): holding(None),
    }
    snapshot = situate(make_desired(), receipts=[noted], held=held)
    assert list(iter_sink_records(snapshot)) == [one, two, three]


NEWER = {"created_at": LATER}
OLDER = {"created_at": NOW - HOUR}


@pytest.mark.parametrize(
    ("live", "claim", "wins"),
    [
        pytest.param([ours("key-2", **NEWER)], {"key_id": "key-2"}, True, id="a key that came later"),
        pytest.param([ours("key-2", **OLDER)], {"key_id": "key-2"}, False, id="an older key: the place was set back"),
        pytest.param([ours("key-0", **NEWER)], {"key_id": "key-0"}, False, id="one that the ledger superseded"),
        pytest.param([], {"key_id": "key-2"}, False, id="a key that does not live"),
        pytest.param([], {"key_id": "key-1", "redacted": "ak-new...001"}, False, id="the provider disagrees"),
        pytest.param(
            [ours(redacted="ak-new...001")],
            {"key_id": "key-1", "redacted": "ak-new...001"},
            True,
            id="the provider confirms another raw key",
        ),
        pytest.param(
            [ours("key-2", **NEWER)], {"key_id": "key-2", "delivered_at": NOW - HOUR}, False, id="not later at all"
        ),
    ],
)
def test_the_ledgers_receipt_counts_unless_the_provider_confirms_a_later_one(
    live: list[Any], claim: dict[str, Any], wins: bool
) -> None:
    own = recorded(superseded=(old("key-0", ends=LATER),))
    said = recorded(**{"delivered_at": LATER, **claim, "key_id": KeyId(claim["key_id"])})
    chosen = choose_receipt([own], [said], {key.id: key for key in (ours(), *live)})
    assert chosen == (said if wins else own)


def test_without_a_live_key_of_the_ledgers_the_claim_that_names_one_counts() -> None:
    said = recorded("key-2", CI)
    assert choose_receipt([recorded(delivered_at=LATER)], [said], {KeyId("key-2"): ours("key-2")}) == said
