"""Ledgers: a module each, with `build`."""
