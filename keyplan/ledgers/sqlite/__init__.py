"""The ledger `sqlite`: one SQLite file beside the manifest."""
