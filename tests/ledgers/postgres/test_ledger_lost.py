"""The database is lost in the middle of an apply, at every point of it; once it is back, one more apply puts all right.

Provider and sinks are simulated, the database and the loss are real.
"""

from __future__ import annotations

import pytest
from crash_flows import create, delete, refresh_with_grace, replace_and_retire
from ledgers.postgres.openings import open_postgres
from ledgers.postgres.proxy import FaultyProxy, Loss, faulty_proxy
from ledgers.postgres.servers import PostgresServer, Storage
from scenario import Scenario, assert_promise
from simulator import World

from keyplan.errors import LedgerError
from keyplan.ledgers.postgres.pool import close_pools
from keyplan.model.identity import Address
from keyplan.model.report import Failed

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

FLOWS = {flow.__name__: flow for flow in (create, refresh_with_grace, replace_and_retire, delete)}
MANY = 1000


def _prepare(flow: str, storage: Storage, proxy: FaultyProxy) -> Scenario:
    world = World()
    open_postgres(storage.url()).forget(Address("user/none"))  # the tables are there
    world.ledger = open_postgres(storage.url(proxy.port), clock=world.clock)  # type: ignore[assignment]  # the real one in its place
    return FLOWS[flow](world)


def _run_on_a_lost_database(scenario: Scenario) -> bool:
    """Return whether the run noticed."""
    try:
        report = scenario.run(parallelism=4)
    except LedgerError:
        return True
    return any(isinstance(outcome, Failed) for outcome in report.outcomes)


@pytest.mark.parametrize("loss", [Loss.MESSAGE, Loss.ANSWER])
@pytest.mark.parametrize("flow", FLOWS)
def test_losing_the_database_in_mid_apply_loses_no_key(server: PostgresServer, flow: str, loss: Loss) -> None:
    """From each fifth message of the run on."""
    number, was_hit, noticed = 0, True, 0
    while was_hit:
        storage = Storage(server)
        with faulty_proxy(server.port) as proxy:
            scenario = _prepare(flow, storage, proxy)
            proxy.break_at(*range(number, MANY), loss=loss)
            noticed += _run_on_a_lost_database(scenario)
            was_hit = len(proxy.seen) > number
            proxy.break_at(loss=loss)
            # The lock that could not be freed lapses.
            storage.run("UPDATE {schema}.locks SET until = clock_timestamp()")
            scenario.world.restart()
            report = scenario.run()
            assert not report.failures, (number, report.failures)
            assert_promise(scenario)
        close_pools()
        number += 5
    assert noticed > 2
