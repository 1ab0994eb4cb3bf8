"""No raw key leaves a flow but into its sink: not in a report, an exception, a log record, a ledger."""

from __future__ import annotations

import json
import logging
import re
from contextlib import suppress

import pytest
from crash_flows import FLOWS, act_in
from scenario import Scenario
from simulator import BLIND, FULL, Fault, World

from keyplan.errors import KeyplanError
from keyplan.model.report import Report
from keyplan.model.secret import RawKey

CANARY = re.compile(r"ak-sim\d{10}")
FAULTS = (Fault.ERROR, Fault.ANSWER_LOST)


def _everything_said(scenario: Scenario, report: Report | None) -> str:
    memory = scenario.world.ledger.recall()
    written = [record.to_dict() for record in (*memory.receipts, *memory.intents)]
    plan = scenario.plan()
    return f"{report!r} {report} {plan!r} {memory!r} {scenario.world.ledger.history()!r} {json.dumps(written)}"


def _run(flow: str, ordinal: int, fault: Fault) -> str:
    """Return all that a run said which broke there."""
    scenario = FLOWS[flow](World(sinks={"local": FULL, "remote": BLIND}))
    scenario.world.effects.inject_at(ordinal, fault)
    report, said = None, ""
    try:
        report = scenario.run()
    except KeyplanError as error:
        said = f"{error!r} {error} {error.advice} {error.__cause__!r} {error.__context__!r}"
    scenario.world.restart()
    return said + _everything_said(scenario, report)


def _count(flow: str) -> int:
    scenario = FLOWS[flow](World(sinks={"local": FULL, "remote": BLIND}))
    with suppress(KeyplanError):
        act_in(flow, scenario)
    return scenario.world.effects.count


def test_the_canary_is_what_the_sinks_hold() -> None:
    scenario = FLOWS["create"](World())
    scenario.run()
    assert all(CANARY.match(raw) for raw in scenario.world.delivered().values())


@pytest.mark.parametrize("flow", FLOWS)
def test_no_raw_key_is_said_by_a_flow_that_breaks(flow: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for ordinal in range(1, _count(flow) + 2):
        for fault in FAULTS:
            assert not CANARY.search(_run(flow, ordinal, fault))
    assert not CANARY.search(caplog.text)


def test_a_bug_that_quotes_the_raw_key_is_told_of_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    scenario = FLOWS["create"](World())
    provider = scenario.world.provider

    def broken(raw: RawKey) -> bool:
        raise ValueError(f"cannot verify {raw.reveal()}")

    provider.verify = broken  # type: ignore[method-assign, assignment]  # our own fake, not keyplan
    report = scenario.run()
    assert len(report.failures) == 2
    assert not CANARY.search(_everything_said(scenario, report) + caplog.text)
