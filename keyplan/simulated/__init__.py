"""Provider, sinks and ledger in memory, with one hook through which a fault can break any of their effects."""
