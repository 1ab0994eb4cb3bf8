"""What all tests share: assertions of shared modules are told in full, and no example is too slow on a busy machine."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

for module in ("contracts.provider_contract", "contracts.sink_contract", "contracts.ledger_contract", "sinks.journey"):
    pytest.register_assert_rewrite(module)

if "CI" not in os.environ:
    # Where CI is set, hypothesis loads a profile of its own: no deadline either, and the same examples each time.
    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")
