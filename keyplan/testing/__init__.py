"""The contract suites that every plugin has to pass, for authors of sinks, providers and ledgers; they need pytest.

    pip install 'keyplan[testing]'

- `keyplan.testing.sinks.SinkContract`, `keyplan.testing.providers.ProviderContract` and
  `keyplan.testing.ledgers.LedgerContract`: subclass one, give it your plugin, and pytest runs its tests;
- `keyplan.testing.sink_races.CompareContract`: the same for a sink that several machines may write at once;
- `keyplan.testing.samples`: settings, declarations, receipts, intents, a context for `build`, and a clock.

No module of keyplan outside this package may import it: the command does not depend on pytest.
"""

from __future__ import annotations

import pytest

# Before the suites are imported: without it a failing assertion of theirs would show no values.
pytest.register_assert_rewrite(
    "keyplan.testing.sinks",
    "keyplan.testing.sink_marks",
    "keyplan.testing.sink_races",
    "keyplan.testing.sink_runs",
    "keyplan.testing.providers",
    "keyplan.testing.ledger_history",
    "keyplan.testing.ledgers",
)
