"""Ledgers: where intents, receipts, spent plans, the lock and the history are kept. A package for each type."""
