from datetime import timedelta

import pytest
from samples import make_runner
from scenario import Scenario

from keyplan.applier.workbench import RETRY_PAUSES, Workbench
from keyplan.errors import LedgerError, ProviderRefusedError, ProviderUnavailableError


@pytest.fixture
def bench(scenario: Scenario) -> Workbench:
    world = scenario.world
    return Workbench(
        reader=world.provider,
        writer=world.provider,
        sinks=world.sinks,
        ledger=world.ledger,
        clock=world.clock,
        runner=make_runner(),
    )


class Step:
    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tries = 0

    def __call__(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_a_step_that_works_is_not_waited_for(bench: Workbench) -> None:
    before = bench.clock.now()
    assert bench.retry(Step(), on=LedgerError) == "done"
    assert bench.clock.now() == before


def test_a_step_that_fails_for_a_while_is_tried_again_after_growing_pauses(bench: Workbench) -> None:
    before = bench.clock.now()
    assert bench.retry(Step(LedgerError("1"), LedgerError("2")), on=LedgerError) == "done"
    assert bench.clock.now() - before == timedelta(seconds=1.5)


def test_a_step_that_keeps_failing_raises_its_last_error(bench: Workbench) -> None:
    step = Step(*(LedgerError(str(number)) for number in range(9)))
    with pytest.raises(LedgerError, match="4"):
        bench.retry(step, on=LedgerError)
    assert step.tries == len(RETRY_PAUSES) + 1


def test_a_refusal_is_not_tried_again(bench: Workbench) -> None:
    step = Step(ProviderRefusedError("409", status=409))
    with pytest.raises(ProviderRefusedError):
        bench.retry(step, on=ProviderUnavailableError)
    assert step.tries == 1
