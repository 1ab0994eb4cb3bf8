"""What the tests of all sinks share: assertions of shared modules are told in full."""

from __future__ import annotations

import pytest

for module in ("contracts.sink_contract", "sinks.journey"):
    pytest.register_assert_rewrite(module)
