"""Rehearses a manifest on a copy of the account in memory: what is outside is read once, and never changed."""
