"""Providers of keys: a module each, with OPTIONS and `build`."""
