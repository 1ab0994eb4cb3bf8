import pytest

for port in ("provider", "sink", "ledger"):
    pytest.register_assert_rewrite(f"contracts.{port}_contract")
