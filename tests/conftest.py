"""What all tests share: assertions of shared modules are told in full, whoever imports these first."""

from __future__ import annotations

import pytest

for module in ("contracts.provider_contract", "contracts.sink_contract", "contracts.ledger_contract", "sinks.journey"):
    pytest.register_assert_rewrite(module)
