"""Providers of keys: a package for each type."""
