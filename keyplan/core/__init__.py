"""Decisions, pure: model in, model out. No I/O, no clock, no chance, no environment."""
