"""What is applied is what was approved, and a plan that asked no sink says so if it is stale."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plans import CREATE, DELETE, make_plan

from keyplan.app.approval import require_same
from keyplan.errors import PlanStaleError


def test_a_plan_that_asked_no_sink_may_be_applied_if_the_sinks_change_nothing() -> None:
    require_same(replace(make_plan(CREATE), is_unchecked=True), make_plan(CREATE))


@pytest.mark.parametrize(("is_unchecked", "said"), [(True, True), (False, False)])
def test_else_the_refusal_says_that_it_did_not_ask_them(is_unchecked: bool, said: bool) -> None:
    with pytest.raises(PlanStaleError) as caught:
        require_same(replace(make_plan(CREATE), is_unchecked=is_unchecked), make_plan(DELETE))
    assert ("made without asking sinks or the ledger (--untrusted)" in caught.value.message) is said
